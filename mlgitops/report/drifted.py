"""How the training data of two versions differ, as a table. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.report.parts import Part
from mlgitops.words import NONE, count, number

if TYPE_CHECKING:
    from mlgitops.core.drift import ColumnDrift, ColumnProfile, Drift

_HEADER = ("training data", "old", "new", "distance")
_BRIEF = 8  # columns


def part(drift: Drift) -> Part:
    """Column by column, the most changed first; briefly, only those."""
    rows = [_row(one) for one in drift.columns]
    brief = rows[:_BRIEF]
    if left := len(rows) - len(brief):
        brief.append([f"({count(left, 'more column')})", "", "", ""])
    return Part(words=drift.note, header=_HEADER, rows=rows, brief=brief)


def _row(one: ColumnDrift) -> list[str]:
    distance = "" if one.distance is None else f"{one.distance:.3f} ({one.measure})"
    return [one.column, _said(one.old), _said(one.new), distance]


def _said(one: ColumnProfile | None) -> str:
    """`float64, 0.5 to 12, 3.0% missing`; a dash where the side has no such column."""
    if one is None:
        return NONE
    said = [one.type]
    if one.low is not None:
        said.append(f"{number(one.low)} to {number(one.high)}")
    if one.values is not None:
        said.append(count(one.values, "value"))
    if one.missing:
        said.append(f"{one.missing:.1%} missing")
    return ", ".join(said)
