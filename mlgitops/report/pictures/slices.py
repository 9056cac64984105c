"""Where the new version is better or worse than the old one, as intervals beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops import words
from mlgitops.report import slices
from mlgitops.report.pictures import svg
from mlgitops.report.pictures.svg import GRID, INK, MUTED, NEW, OLD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mlgitops.core.evidence import Comparison, Slice
    from mlgitops.report.pictures.svg import Picture

_ROW = 40  # units of the view box: a line of text, and an interval below it
_LONGEST = 60  # characters of a slice's name that there is room for


def pictures(comparison: Comparison, key: str) -> Iterator[Picture]:
    """The slices that differ, as in the table of them."""
    found, old, new = slices.telling(comparison.slices), comparison.old, comparison.new
    if not found or old is None:
        return
    gap = f"{new.label} minus {old.label}"

    def paint(figure: Figure) -> None:
        (axes,) = svg.panels(figure, 1, top=4, bottom=44, left=12)
        _intervals(axes, found)
        name = comparison.titled(found[0].metric)
        axes.set_xlabel(f"{name}, {gap} ({found[0].better} is better)")

    yield svg.draw(
        paint,
        height=48 + _ROW * len(found),
        title="Where it is worse and better",
        alt=_alt(found, gap),
        name="slices",
        key=key,
    )


def _intervals(axes: Axes, found: Sequence[Slice]) -> None:
    """A square where the old version is better, a disc where the new one is; lines as intervals."""
    axes.axvline(0, color=MUTED, linewidth=0.8)
    for down, one in enumerate(found):
        colour, shape = (OLD, "s") if one.worse > 0 else (NEW, "o")
        axes.plot([one.interval.low, one.interval.high], [down, down], color=colour, linewidth=2)
        axes.plot([one.new - one.old], [down], shape, color=colour, markersize=7)
        axes.annotate(
            _name(one),
            xy=(0, down),
            xycoords=("axes fraction", "data"),
            xytext=(0, 8),
            textcoords="offset points",
            color=INK,
        )
    axes.set_ylim(len(found) - 0.5, -0.9)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=GRID)
    axes.margins(0.05, 0)
    svg.plain_numbers(axes, across=True)


def _name(one: Slice) -> str:
    name = words.plain(one.name)
    name = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    return f"{name} ({words.count(one.rows, 'row')})"


def _alt(found: Sequence[Slice], gap: str) -> str:
    said = "; ".join(
        f"{words.plain(one.name)} {one.difference.verdict} by {svg.number(abs(one.new - one.old))} "
        f"({svg.number(one.interval.low, sign=True)} to "
        f"{svg.number(one.interval.high, sign=True)})"
        for one in found
    )
    return f"Differences of {found[0].metric}, {gap}, with their intervals. {said}."
