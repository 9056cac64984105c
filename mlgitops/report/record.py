"""The history of stages as a table. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mlgitops.history.author import UNCOMMITTED
from mlgitops.report import parts
from mlgitops.report.parts import Cell, Link
from mlgitops.report.wording import version_or_empty
from mlgitops.words import NONE, when, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from mlgitops.history.stays import Stay

PageOf = Callable[[str], str | None]
HEADER = (
    *("model", "stage", "version", "since", "for", "by", "commit", "pull request", "applied"),
    "record",
)


def row(stay: Stay, now: datetime, page_of: PageOf) -> list[Cell]:
    """One stay: a cell for each column of the header."""
    return [
        stay.model,
        stay.stage,
        version_or_empty(stay.version),
        when(stay.since),
        _lasted(stay, now),
        stay.by,
        stay.commit[:12],
        request(stay.pull_request),
        _applied(stay),
        _record(stay.record, page_of) if stay.record else NONE,
    ]


def request(number: str | None) -> str:
    """A pull request as its host writes it; GitLab and Azure DevOps have a sign of their own."""
    return f"#{number}" if number and whole_number(number) else number or NONE


def _record(run_id: str, page_of: PageOf) -> Cell:
    page = page_of(run_id)
    return Link(text=run_id[:8], url=page) if page else run_id


def _applied(stay: Stay) -> str:
    if not stay.declared:
        return "not committed" if stay.commit == UNCOMMITTED else "not declared then"
    if stay.pending:
        return "no"
    return when(stay.applied) if stay.applied else "declared only"


def _lasted(stay: Stay, now: datetime) -> str:
    if stay.pending:
        return NONE
    return _length((stay.until or now) - stay.since) + ("" if stay.until else ", still")


def _length(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    days, hours = minutes // 1440, minutes // 60
    if days > 1:
        return f"{days} days"
    return f"{hours} h" if hours > 1 else f"{minutes} min"


def shown(stays: Iterable[Stay], now: datetime, page_of: PageOf) -> parts.Report:
    """The history.

    Args:
        stays: of the versions that are meant.
        now: for how long a version has been where it is.
        page_of: the page of the run that records an apply.
    """
    header: tuple[str, ...] = HEADER
    found = list(stays)
    rows = [row(stay, now, page_of) for stay in found]
    if any(stay.reason for stay in found):
        rows = [[*cells, stay.reason or NONE] for cells, stay in zip(rows, found, strict=True)]
        header = (*header, "reason")
    return parts.table(header, rows, empty="No version was in a stage.")
