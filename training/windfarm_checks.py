"""The schema of the wind farm data: text → frame, or every problem of the file at once.

The rules:

- the file is comma-separated text in UTF-8 with a header line;
- the first column, without a name or named `date`, is the day as YYYY-MM-DD;
- every column of `training.features` is there, in any order, and no other;
- each value is a finite number within the column's physical range;
- the days ascend, each at most once;
- at most `MAX_MISSING` of the days between the first and the last may be missing. They are
  counted, not filled in: no recipe looks from one day to the next.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from training.features import COLUMNS, DATE, RANGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_MISSING = 0.01  # share of the days
SHOWN = 3  # places shown of each kind of problem; a file can hold thousands

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# Narrower than float(), which also takes "1_000", "nan" and digits of other scripts.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_ABSENT = {"", "nan", "na", "n/a", "null", "none"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong: the rule that it breaks, the column and the place."""

    rule: str
    where: str
    text: str
    column: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of the file: its 1-based number, its day and its values by column."""

    line: int
    day: str
    values: dict[str, str]

    def where(self, column: str) -> str:
        """The place of a value, as problems name it."""
        day = f" ({_cut(self.day)})" if _DAY.fullmatch(self.day) else ""
        return f"line {self.line}{day}, {column}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A file that keeps every rule: its days, its values by column, and how many days lack."""

    days: tuple[date, ...]
    values: dict[str, list[float]]
    missing_days: int


def check(text: str) -> Checked | list[Finding]:
    """The data of a file, or all that is wrong with it in the order of the file."""
    header, rows, findings = _rows(text)
    if not header or (findings and not rows):
        return findings
    days = [_day(row) for row in rows]
    findings += [finding for row in rows for finding in _cells(row)]
    findings += _order(rows, days)
    missing, gaps = _gaps(sorted({day for day in days if day}))
    findings += gaps
    if findings:
        return findings
    return Checked(
        days=tuple(day for day in days if day),
        values={name: [float(row.values[name]) for row in rows] for name in COLUMNS},
        missing_days=missing,
    )


def summary(findings: Sequence[Finding]) -> list[str]:
    """One line per problem; of many of one kind only the first few, and how many more."""
    kinds: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        kinds[finding.rule, finding.column].append(finding)
    lines = []
    for found in kinds.values():
        lines += [f"{finding.where}: {finding.text}" for finding in found[:SHOWN]]
        if len(found) > SHOWN:
            lines.append(f"{len(found) - SHOWN} more like {found[SHOWN - 1].where}")
    return lines


def _cut(value: str) -> str:
    return value if len(value) <= 40 else f"{value[:37]}..."


def _rows(text: str) -> tuple[list[str], list[Row], list[Finding]]:
    """The header, the rows that have as many values as it, and what is wrong with the form."""
    if not text.strip():
        return [], [], [Finding(rule="empty", where="line 1", text="the file is empty")]
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    rows: list[Row] = []
    findings: list[Finding] = []
    try:
        header = next(filter(None, reader))
        findings += _header(header)
        if findings:
            return [], [], findings
        for cells in filter(None, reader):
            if len(cells) == len(header):
                values = dict(zip(header[1:], map(str.strip, cells[1:]), strict=True))
                rows.append(Row(line=reader.line_num, day=cells[0].strip(), values=values))
            else:
                findings.append(_width(reader.line_num, len(cells), len(header)))
    except csv.Error as error:
        broken = f"not comma-separated values ({error}); save the file as CSV"
        findings.append(Finding(rule="csv", where=f"line {reader.line_num}", text=broken))
    if not rows and not findings:
        only = "only a header; there must be one row per day"
        findings.append(Finding(rule="rows", where="line 2", text=only))
    return header, rows, findings


def _width(line: int, found: int, expected: int) -> Finding:
    text = f"{found} values where the header has {expected}; write one value per column"
    return Finding(rule="width", where=f"line {line}", text=text)


def _header(header: list[str]) -> Iterator[Finding]:
    if header[0].lstrip().lower().startswith(("<!doctype", "<html")):
        page = "an HTML page instead of CSV; name the address of the file itself"
        yield Finding(rule="html", where="line 1", text=page)
        return
    names = header[1:]
    if header[0] not in {"", DATE}:
        text = f"the first column is {_cut(header[0])!r}; it must be the date, unnamed or {DATE!r}"
        yield Finding(rule="date column", where="line 1", text=text)
        names = header
    for name in COLUMNS:
        if name not in names:
            text = f"the column {name!r} is missing; add it"
            yield Finding(rule="missing column", where="line 1", text=text, column=name)
        elif names.count(name) > 1:
            text = f"the column {name!r} is there {names.count(name)} times; keep one"
            yield Finding(rule="double column", where="line 1", text=text, column=name)
    for name in dict.fromkeys(names):
        if name not in COLUMNS and name != header[0]:
            text = f"the column {_cut(name)!r} is not known; remove it"
            yield Finding(rule="extra column", where="line 1", text=text)


def _day(row: Row) -> date | None:
    try:
        return date.fromisoformat(row.day) if _DAY.fullmatch(row.day) else None
    except ValueError:
        return None


def _cells(row: Row) -> Iterator[Finding]:
    """What is wrong with single values of a row."""
    if _day(row) is None:
        text = f"{_cut(row.day)!r} is not a day; write it as YYYY-MM-DD, such as 2014-01-31"
        yield Finding(rule="day", where=f"line {row.line}, {DATE}", text=text, column=DATE)
    for column in COLUMNS:
        rule, text = _value(column, row.values[column])
        if rule:
            yield Finding(rule=rule, where=row.where(column), text=text, column=column)


def _value(column: str, value: str) -> tuple[str, str]:
    """The rule that a value breaks and what to do, or two empty texts."""
    if value.lower() in _ABSENT:
        return "absent", "the value is missing; fill it in or remove the day"
    if not _NUMBER.fullmatch(value):
        return "number", f"{_cut(value)!r} is not a number; write it as 12.5"
    if float(value) not in RANGES[column]:
        allowed = RANGES[column]
        text = f"{_cut(value)} is out of range, {allowed}; correct it or convert it to that unit"
        return "range", text
    return "", ""


def _order(rows: list[Row], days: list[date | None]) -> Iterator[Finding]:
    """Days that are there twice, or that come after a later one."""
    first: dict[date, int] = {}
    latest: date | None = None
    for row, day in zip(rows, days, strict=True):
        if day is None:
            continue
        if day in first:
            text = f"the day is already on line {first[day]}; keep one of them"
            yield Finding(rule="duplicate", where=row.where(DATE), text=text, column=DATE)
        elif latest and day < latest:
            text = f"the day comes after {latest}; sort the rows by date"
            yield Finding(rule="order", where=row.where(DATE), text=text, column=DATE)
        first.setdefault(day, row.line)
        latest = max(latest or day, day)


def _gaps(days: list[date]) -> tuple[int, list[Finding]]:
    """How many days are missing between the first and the last; a finding if too many."""
    if not days:
        return 0, []
    span = (days[-1] - days[0]).days + 1
    missing = span - len(days)
    if missing <= span * MAX_MISSING:
        return missing, []
    gap = next(day for day, later in pairwise(days) if (later - day).days > 1)
    text = (
        f"{missing} of {span} days are missing, the first is {gap + timedelta(days=1)}; "
        f"at most {MAX_MISSING:.0%} may be missing: add them, or cut the file to a shorter time"
    )
    return missing, [Finding(rule="gaps", where=f"{days[0]} to {days[-1]}", text=text)]
