"""Which answer of one version stands beside which answer of the other. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlgitops.core.evidence import Series
from mlgitops.review.vectors import FEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

    from mlgitops.review.answers import Scored
    from mlgitops.review.rows import Rows

_MIDNIGHT = "T00:00:00"


def align(rows: Rows, new: Scored, old: Scored | None) -> tuple[Series, Scored, Scored | None, str]:
    """The answers of both for the same rows, or why there is nothing of the old one.

    Rows are the ones asked, in their order; where a version names the days or times that it answers
    for, they are those of the new version that the old one answers for, too.
    """
    labels = _labels(rows, new)
    if old is not None and (trouble := _unlike(new, old)):
        return _series(rows, labels, new, None), new, None, trouble
    if old is not None and (before := _labels(rows, old)) != labels:
        known = set(before)
        shared = [label for label in labels if label in known]
        if not shared:
            trouble = f"they answer for other rows: {_span(before)}, and {_span(labels)}"
            return _series(rows, labels, new, None), new, None, trouble
        if len(set(labels)) < len(labels) or len(known) < len(before):
            trouble = "they answer for other rows, and some of them have one name"
            return _series(rows, labels, new, None), new, None, trouble
        new, old = (_only(one, has, shared) for one, has in ((new, labels), (old, before)))
        labels = tuple(shared)
    return _series(rows, labels, new, old), new, old, ""


def _labels(rows: Rows, scored: Scored) -> tuple[str, ...]:
    labels = rows.labels if scored.labels is None else tuple(map(day, scored.labels))
    return labels[:: scored.step]


def day(label: str) -> str:
    """A day or time without its midnight."""
    return label.removesuffix(_MIDNIGHT)


def _span(labels: Sequence[str]) -> str:
    return f"{labels[0]} to {labels[-1]}"


def _unlike(new: Scored, old: Scored) -> str:
    """Why answers of two forms cannot be compared; empty if they can."""
    widths = [one.predictions.shape[1:] for one in (old, new)]
    few = bool(old.columns or new.columns) or min(widths) <= (FEW,)
    if all(widths) and widths[0] != widths[1] and few:
        return f"the old version answers {widths[0][0]} numbers per row, the new one {widths[1][0]}"
    said = [_form(one) for one in (old, new)]
    if said[0] == said[1] or {*said} <= {"a text", "a structure"}:
        return ""
    return f"the old version answers {said[0]} per row, the new one {said[1]}"


def _form(scored: Scored) -> str:
    if scored.written:
        return "a structure"
    if scored.predictions.ndim > 1:
        return "several numbers"
    return "a text" if scored.predictions.dtype.kind in "UO" else "one value"


def _only(scored: Scored, labels: Iterable[str], kept: Sequence[str]) -> Scored:
    where = {label: index for index, label in enumerate(labels)}
    chosen = [where[label] for label in kept]
    found = scored.probabilities
    return replace(
        scored,
        predictions=scored.predictions[chosen],
        probabilities=None if found is None else found[chosen],
    )


def _series(rows: Rows, labels: tuple[str, ...], new: Scored, old: Scored | None) -> Series:
    return Series(
        labels=labels,
        actual=_actual(rows, labels, new.step),
        new=new.predictions,
        old=old.predictions if old else None,
    )


def _actual(rows: Rows, labels: tuple[str, ...], step: int) -> np.ndarray | None:
    """The true values of the rows with these labels, if each of them has one."""
    if rows.actual is None or labels == rows.labels[::step]:
        return rows.actual if rows.actual is None else rows.actual[::step]
    where = {label: index for index, label in enumerate(rows.labels)}
    if len(where) < len(rows.labels) or not where.keys() >= set(labels):
        return None
    return rows.actual[[where[label] for label in labels]]
