"""What the answers of both versions to the same rows amount to: intervals and slices.

Both are functions of rows and answers that take a while, so they are kept across runs like answers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from mlgitops.core.evidence import Slice
from mlgitops.core.metrics import SLICED, Interval
from mlgitops.review import bootstrap, slices
from mlgitops.review.kept import asked

if TYPE_CHECKING:
    from mlgitops.core.evidence import Predictions
    from mlgitops.core.metrics import Difference
    from mlgitops.review.kept import Kept
    from mlgitops.review.rows import Rows


class _Interval(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    low: float
    high: float
    level: float

    @property
    def value(self) -> Interval:
        return Interval(low=self.low, high=self.high, level=self.level)


class _Slice(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    column: str
    label: str
    rows: int
    old: float
    new: float
    interval: _Interval


class _Numbers(BaseModel):
    """What is kept; whoever can write there may have written it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    intervals: list[_Interval | None]
    metric: str | None
    slices: list[_Slice]


def measure(
    found: Predictions, rows: Rows | None, kept: Kept | None
) -> tuple[Predictions, tuple[Slice, ...]]:
    """The predictions with an interval for each score that has one, and their slices.

    Args:
        found: what both versions answer.
        rows: those that they answer to; None if a version chose others.
        kept: what was measured in earlier runs; None to measure in any case.
    """
    if kept is None or not found.scores:
        return _measured(found, rows)
    series = found.series
    part = (asked(rows), rows.labels) if rows else None
    name = kept.of_numbers(
        (part, series.labels, series.actual, series.old, series.new),
        [one.metric for one in found.scores if bootstrap.known(one)],
    )
    try:
        known = _Numbers.model_validate(kept.store.get(name))
        return _read(known, found)
    except (ValidationError, ValueError):  # there is nothing, or nothing of use
        measured = _measured(found, rows)
        kept.store.put(name, _written(*measured).model_dump())
        return measured


def _measured(found: Predictions, rows: Rows | None) -> tuple[Predictions, tuple[Slice, ...]]:
    scores = bootstrap.with_intervals(found.scores, found.series)
    scored = replace(found, scores=scores)
    return scored, slices.measure(rows, scored) if rows else ()


def _read(known: _Numbers, found: Predictions) -> tuple[Predictions, tuple[Slice, ...]]:
    """What was kept, of these predictions.

    Raises:
        ValueError: it is of others.
    """
    if known.slices and known.metric not in SLICED:
        raise ValueError(known.metric)
    scores: tuple[Difference, ...] = tuple(
        replace(one, interval=interval.value if interval else None)
        for one, interval in zip(found.scores, known.intervals, strict=True)
    )
    parts = tuple(
        Slice(
            **one.model_dump(exclude={"interval"}),
            metric=str(known.metric),
            interval=one.interval.value,
            better=SLICED[str(known.metric)],
        )
        for one in known.slices
    )
    return replace(found, scores=scores), parts


def _written(found: Predictions, parts: tuple[Slice, ...]) -> _Numbers:
    return _Numbers(
        intervals=[_interval(one.interval) if one.interval else None for one in found.scores],
        metric=parts[0].metric if parts else None,
        slices=[
            _Slice(
                column=one.column,
                label=one.label,
                rows=one.rows,
                old=one.old,
                new=one.new,
                interval=_interval(one.interval),
            )
            for one in parts
        ],
    )


def _interval(found: Interval) -> _Interval:
    return _Interval(low=found.low, high=found.high, level=found.level)
