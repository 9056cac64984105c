"""How often what a version holds for probable comes true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import PercentFormatter

from mlgitops import words
from mlgitops.report.pictures import svg
from mlgitops.report.pictures.svg import GRID, MUTED, NEW, OLD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mlgitops.core.evidence import Comparison, Predictions
    from mlgitops.core.predicted import Bin
    from mlgitops.report.pictures.svg import Picture

_HEIGHT = 300  # units of the view box


def pictures(comparison: Comparison, found: Predictions, key: str) -> Iterator[Picture]:
    """The reliability of both versions, where they give probabilities and the truth is known."""
    known = found.classes.probabilities if found.classes else None
    if known is None or not known.new_bins:
        return
    curves = [(comparison.new.label, "o", NEW, known.new_bins)]
    if comparison.old and known.old_bins:
        curves.insert(0, (comparison.old.label, "s", OLD, known.old_bins))
    event = f"class {words.plain(known.event)}" if known.event else "the class it names"

    def paint(figure: Figure) -> None:
        (axes,) = svg.panels(figure, 1, top=10, bottom=44)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
        for label, shape, colour, bins in curves:
            _curve(axes, label, shape, colour, bins)
        axes.set_xlabel(f"probability of {event}")
        axes.set_ylabel("came true")
        axes.legend(loc="upper left")

    said = "; ".join(f"{label}: {_said(bins)}" for label, _, _, bins in curves)
    yield svg.draw(
        paint,
        height=_HEIGHT,
        title="Calibration",
        alt=f"How often a probability of {event} came true. {said}.",
        name="calibration",
        key=key,
    )


def _curve(axes: Axes, label: str, shape: str, colour: str, bins: Sequence[Bin]) -> None:
    said, true = [one.said for one in bins], [one.true for one in bins]
    axes.plot(said, true, f"{shape}-", color=colour, linewidth=1, markersize=5, label=label)
    axes.grid(color=GRID)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)


def _said(bins: Sequence[Bin]) -> str:
    return ", ".join(
        f"{one.said:.0%} came true in {one.true:.0%} of {words.count(one.rows, 'row')}"
        for one in bins
    )
