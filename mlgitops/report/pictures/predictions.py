"""What two versions say of the same rows: against what is true, and against each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import MaxNLocator

from mlgitops import words
from mlgitops.core.metrics import declared
from mlgitops.report.pictures import svg
from mlgitops.report.pictures.svg import GRID, INK, MUTED, NEW, OLD, draw, panels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mlgitops.core.evidence import Comparison, Series
    from mlgitops.report.pictures.svg import Picture

MOST_POINTS = 400  # of a line; a picture has hardly more pixels
_PANEL = 120  # units of the view box, as are the others
_OVERLAID = 200  # a panel with several lines
_ABOVE = 26
_LEGEND = 20  # a line of it
_BELOW = {"day": 24, "row": 40}  # days need no name beneath them


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rows:
    """Where rows lie across, and what they are called; each array has the shape (rows,).

    Attributes:
        across: days, or numbers from 1; ascending.
        noun: `day` or `row`.
        span: the first and the last, in words; empty for mere numbers.
        step: one row in so many is drawn.
        unit: of what is predicted, which a mean absolute error has too; empty if nobody says it.
    """

    across: np.ndarray
    noun: str
    span: str
    step: int
    unit: str

    def titled(self, title: str) -> str:
        """The title of a picture of predictions, with their unit."""
        return f"{title} ({self.unit})" if self.unit else title

    @property
    def counted(self) -> str:
        """How many there are, and how many of them a line shows."""
        drawn = f" (1 in {self.step} shown)" if self.step > 1 else ""
        return f"{words.count(len(self.across), self.noun)}{self.span}{drawn}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """What a version predicts; the values have the shape (rows,), NaN where there is none."""

    label: str
    colour: str
    values: np.ndarray


def pictures(comparison: Comparison, series: Series, key: str) -> Iterator[Picture]:
    """Actual and predicted values, residuals, and the differences between the versions."""
    days = _days(series.labels)
    order = np.arange(len(series.new)) if days is None else np.argsort(days, kind="stable")
    rows = _rows(series.labels, days, order, declared("test_mae", comparison.units) or "")
    lines = [_Line(label=comparison.new.label, colour=NEW, values=_finite(series.new, order))]
    if series.old is not None and comparison.old is not None:
        old = _finite(series.old, order)
        lines.insert(0, _Line(label=comparison.old.label, colour=OLD, values=old))
    if series.actual is not None:
        actual = _finite(series.actual, order)
        if all(np.isfinite(line.values - actual).any() for line in lines):
            yield _against_actual(rows, actual, lines, key)
            yield _residuals(rows, actual, lines, key)
    if len(lines) == 2 and np.isfinite(lines[1].values - lines[0].values).any():
        yield _differences(rows, lines[0], lines[1], key)


def _days(labels: tuple[str, ...]) -> np.ndarray | None:
    """The labels as days; None if one of them is none."""
    try:
        found = [date.fromisoformat(label) for label in labels if len(label) == len("2019-01-01")]
    except ValueError:
        return None
    return np.array(found, dtype="datetime64[D]") if found and len(found) == len(labels) else None


def _rows(labels: tuple[str, ...], days: np.ndarray | None, order: np.ndarray, unit: str) -> _Rows:
    step = -(-len(order) // MOST_POINTS)
    if days is None:
        return _Rows(across=order + 1, noun="row", span="", step=step, unit=unit)
    span = f" from {labels[order[0]]} to {labels[order[-1]]}"
    return _Rows(across=days[order], noun="day", span=span, step=step, unit=unit)


def _finite(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    numbers = np.asarray(values, dtype=float)[order]
    return np.where(np.abs(numbers) < svg.HUGE, numbers, np.nan)


def _against_actual(rows: _Rows, actual: np.ndarray, lines: list[_Line], key: str) -> Picture:
    errors = {line.label: float(np.nanmean(np.abs(line.values - actual))) for line in lines}

    def paint(figure: Figure) -> None:
        for axes, line in zip(_panels(figure, rows, len(lines)), lines, strict=True):
            shown = slice(None, None, rows.step)
            # wide, so that it shows beside the prediction that is drawn over it
            axes.plot(rows.across[shown], actual[shown], color=MUTED, linewidth=2.5, alpha=0.5)
            axes.plot(rows.across[shown], line.values[shown], color=line.colour, linewidth=0.9)
            _title(
                axes, line, f"mean absolute error {svg.number(errors[line.label])}; actual in grey"
            )

    said = ", ".join(f"{label} {svg.number(error)}" for label, error in errors.items())
    alt = f"Actual and predicted values of {rows.counted}. Mean absolute error: {said}."
    title = rows.titled("Actual and predicted")
    return draw(paint, height=_height(rows, lines), title=title, alt=alt, name="actual", key=key)


def _residuals(rows: _Rows, actual: np.ndarray, lines: list[_Line], key: str) -> Picture:
    residuals = {line.label: line.values - actual for line in lines}

    above = _LEGEND * len(lines)

    def paint(figure: Figure) -> None:
        """The first as an area, the other as a line over it: told apart without colours, too."""
        (axes,) = _panels(figure, rows, 1, above)
        across = rows.across[:: rows.step]
        axes.axhline(0, color=MUTED, linewidth=0.8)
        for index, line in enumerate(lines):
            found = residuals[line.label]
            shown, said = found[:: rows.step], f"{line.label}: 9 of 10 between {_most(found)}"
            if index:
                axes.plot(across, shown, color=line.colour, linewidth=0.9, label=said)
            else:
                axes.fill_between(
                    across, 0, shown, color=line.colour, alpha=0.7, linewidth=0.4, label=said
                )
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, borderpad=0.2)

    said = "; ".join(
        f"{label}: mean {svg.number(float(np.nanmean(found)), sign=True)}, "
        f"9 of 10 between {_most(found)}"
        for label, found in residuals.items()
    )
    alt = f"Residuals, predicted minus actual, of {rows.counted}. {said}."
    title = rows.titled("Residuals: predicted minus actual")
    height = above + _OVERLAID + _BELOW[rows.noun]
    return draw(paint, height=height, title=title, alt=alt, name="residuals", key=key)


def _most(values: np.ndarray) -> str:
    """Between what nine of ten values lie."""
    low, high = np.nanquantile(values, [0.05, 0.95])
    return f"{svg.number(float(low), sign=True)} and {svg.number(float(high), sign=True)}"


def _differences(rows: _Rows, old: _Line, new: _Line, key: str) -> Picture:
    found = new.values - old.values
    found = found[np.isfinite(found)]
    counts, edges = np.histogram(found, bins=min(40, max(5, len(found) // 5)))
    median = svg.number(float(np.median(found)), sign=True)

    def paint(figure: Figure) -> None:
        (axes,) = panels(figure, 1, top=_ABOVE, bottom=44)
        axes.grid(axis="y", color=GRID)
        axes.stairs(counts, edges, fill=True, color=NEW)
        axes.axvline(0, color=INK, linewidth=1, linestyle="--")
        axes.set_title(fontsize=11, label=f"median {median}, 9 of 10 between {_most(found)}")
        axes.set_xlabel(f"{new.label} minus {old.label}")
        axes.set_ylabel(f"{rows.noun}s")
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        svg.plain_numbers(axes, across=True)

    higher, lower = int((found > 0).sum()), int((found < 0).sum())
    alt = (
        f"Histogram of {new.label} minus {old.label} on {words.count(len(found), rows.noun)}: "
        f"median {median}, 9 of 10 between {_most(found)}; {higher} higher, {lower} lower."
    )
    title = rows.titled("How far predictions move")
    return draw(
        paint, height=_ABOVE + _PANEL + 44, title=title, alt=alt, name="differences", key=key
    )


def _height(rows: _Rows, lines: list[_Line]) -> int:
    return _ABOVE + _BELOW[rows.noun] + _PANEL * len(lines) + svg.GAP * (len(lines) - 1)


def _panels(figure: Figure, rows: _Rows, count: int, above: int = _ABOVE) -> list[Axes]:
    """Of the same scales; `above` is room for what is said of them."""
    made = panels(figure, count, top=above, bottom=_BELOW[rows.noun], same=True)
    for axes in made:
        axes.grid(axis="y", color=GRID)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
        svg.plain_numbers(axes)
    across = made[-1].xaxis
    if rows.noun == "day":
        locator = AutoDateLocator(maxticks=7)
        across.set_major_locator(locator)
        across.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    else:
        across.set_major_locator(MaxNLocator(nbins=6, integer=True))
        made[-1].set_xlabel(rows.noun)
    return made


def _title(axes: Axes, line: _Line, rest: str) -> None:
    """The version in its colour, and what its line says."""
    name = axes.set_title(line.label, color=line.colour)
    axes.annotate(
        rest,
        xy=(1, 0),
        xycoords=name,
        xytext=(8, 0),
        textcoords="offset points",
        va="bottom",
        annotation_clip=False,
    )
