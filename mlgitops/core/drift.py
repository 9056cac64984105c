"""How the data that two versions were trained on differ, column by column. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Measure = Literal["Kolmogorov-Smirnov", "Jensen-Shannon"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnProfile:
    """A column of one version's training data.

    Attributes:
        type: as pandas names it, or MLflow where only the schema is known.
        missing: the share of rows without a value, from 0 to 1; None for a schema alone.
        low, high: of numbers, in the column's unit.
        values: how many distinct ones there are, of what is not a number.
    """

    type: str
    missing: float | None = None
    low: float | None = None
    high: float | None = None
    values: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnDrift:
    """A column of the training data of either version; None for the side that lacks it.

    Attributes:
        distance: from 0 (the same distribution) to 1 (nothing in common); None where the values of
            a side are not known.
        measure: what the distance is.
    """

    column: str
    old: ColumnProfile | None
    new: ColumnProfile | None
    distance: float | None = None
    measure: Measure | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """What is known of the difference between two versions' training data.

    Attributes:
        columns: those that one side lacks or that changed type first, then by distance.
        note: what could not be read, and why; empty if nothing is missing.
    """

    columns: tuple[ColumnDrift, ...] = ()
    note: str = ""


NO_DRIFT = Drift()


def order(one: ColumnDrift) -> tuple[bool, float, str]:
    """The key by which columns are sorted: what a reviewer must see first."""
    retyped = one.old is None or one.new is None or one.old.type != one.new.type
    return not retyped, -(one.distance or 0.0), one.column
