"""Wind farm files for tests, as text: right by default, wrong where a test says so."""

from __future__ import annotations

from datetime import date, timedelta

from training.features import COLUMNS

HEADER = "," + ",".join(COLUMNS)
VALUES = dict.fromkeys(COLUMNS, "5.5")
FIRST = date(2014, 1, 1)


def line(day: date | str, **values: str) -> str:
    """One row; `values` replace single columns."""
    return ",".join([str(day), *{**VALUES, **values}.values()])


def lines(count: int, first: date = FIRST) -> list[str]:
    """Rows of `count` days one after the other."""
    return [line(first + timedelta(days=number)) for number in range(count)]


def text(rows: list[str], header: str = HEADER) -> str:
    """A whole file."""
    return "\n".join([header, *rows]) + "\n"
