"""How a model's metrics went from version to version, and which stages hold what now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import MaxNLocator

from mlgitops.core.metrics import declared, of_test
from mlgitops.report.pictures import svg
from mlgitops.report.pictures.svg import GRID, INK, MUTED, NEW, OLD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mlgitops.core.evidence import Comparison, Past
    from mlgitops.core.metrics import Difference
    from mlgitops.report.pictures.svg import Picture

MOST_METRICS = 3
_PANEL = 66  # units of the view box
_NAMES = 60  # above the panels: two lines with the names of stages


def pictures(comparison: Comparison, key: str) -> Iterator[Picture]:
    """The test metrics that tell most, where at least two versions have one of them."""
    told = _telling(comparison)
    past = [one for one in comparison.history if any(_has(one, each.metric) for each in told)]
    if not told:
        return

    def paint(figure: Figure) -> None:
        made = svg.panels(figure, len(told), top=_NAMES, bottom=40)
        for axes, one in zip(made, told, strict=True):
            _metric(axes, one, past, comparison)
        _stages(made, past)
        made[-1].set_xlabel("version")
        made[-1].xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))

    said = "; ".join(f"{_title(one, comparison)}: {_values(one.metric, past)}" for one in told)
    yield svg.draw(
        paint,
        height=_NAMES + 40 + _PANEL * len(told) + svg.GAP * (len(told) - 1),
        title="Metrics from version to version",
        alt=f"Metrics by version. {said}.",
        name="history",
        key=key,
    )


def _telling(comparison: Comparison) -> list[Difference]:
    """Those of the test set of which we know what is better; most of all, those that change."""
    known = [
        one
        for one in comparison.metrics
        if of_test(one.metric)
        and one.better
        and sum(_has(past, one.metric) for past in comparison.history) > 1
    ]
    known.sort(key=lambda one: -abs(one.relative or 0.0))
    return sorted(known[:MOST_METRICS], key=lambda one: one.metric)


def _has(past: Past, name: str) -> bool:
    return abs(past.metrics.get(name, svg.HUGE)) < svg.HUGE  # not so for NaN


def _metric(
    axes: Axes, difference: Difference, past: Sequence[Past], comparison: Comparison
) -> None:
    name = difference.metric
    found = {one.number: one.metrics[name] for one in past if _has(one, name)}
    axes.plot(list(found), list(found.values()), "o-", color=MUTED, linewidth=1, markersize=4)
    old = comparison.old.version.number if comparison.old else None
    for number, shape, colour in ((old, "s", OLD), (comparison.new.version.number, "o", NEW)):
        if number in found:
            axes.plot([number], [found[number]], shape, color=colour, markersize=8)
    axes.set_title(_title(difference, comparison))
    axes.grid(axis="y", color=GRID)
    axes.margins(0.05, 0.15)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    svg.plain_numbers(axes)


def _stages(panels: list[Axes], past: Sequence[Past]) -> None:
    """A line through all panels where a version holds a stage; names lie in two rows by turns."""
    holding = [one for one in past if one.stages]
    first, last = past[0].number, past[-1].number
    for index, one in enumerate(holding):
        for axes in panels:
            axes.axvline(one.number, color=INK, linewidth=0.8, linestyle=":")
        place = (one.number - first) / (last - first)
        panels[0].annotate(
            ", ".join(one.stages),
            xy=(one.number, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 24 + 14 * (index % 2)),
            textcoords="offset points",
            ha="left" if place < 1 / 3 else "right" if place > 2 / 3 else "center",
            annotation_clip=False,
        )


def _title(one: Difference, comparison: Comparison) -> str:
    unit = declared(one.metric, comparison.units)
    known = f"{unit}, {one.better}" if unit else one.better
    return f"{one.metric} ({known} is better)"


def _values(name: str, past: Sequence[Past]) -> str:
    return ", ".join(
        f"version {one.number} {svg.number(one.metrics[name])}"
        + (f" in {' and '.join(one.stages)}" if one.stages else "")
        for one in past
        if _has(one, name)
    )
