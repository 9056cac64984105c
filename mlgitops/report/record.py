"""The history of stages as a table. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.history.author import UNCOMMITTED
from mlgitops.report import parts
from mlgitops.report.wording import version_or_empty
from mlgitops.words import NONE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from mlgitops.history.stays import Stay

HEADER = ("model", "stage", "version", "since", "for", "by", "commit", "pull request", "applied")


def row(stay: Stay, now: datetime) -> list[str]:
    """One stay: model, stage, version, since, how long, by, commit, pull request, applied."""
    return [
        stay.model,
        stay.stage,
        version_or_empty(stay.version),
        _time(stay.since),
        _length((stay.until or now) - stay.since) + ("" if stay.until else ", still"),
        stay.by,
        stay.commit[:12],
        _request(stay.pull_request),
        _applied(stay),
    ]


def _request(number: str | None) -> str:
    """A pull request as its host writes it; GitLab and Azure DevOps have a sign of their own."""
    return f"#{number}" if number and number.isdigit() else number or NONE


def _applied(stay: Stay) -> str:
    if not stay.declared:
        return "not committed" if stay.commit == UNCOMMITTED else "not declared then"
    return _time(stay.applied) if stay.applied else "declared only"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")


def _length(length: timedelta) -> str:
    minutes = int(length.total_seconds()) // 60
    days, hours = minutes // 1440, minutes // 60
    if days > 1:
        return f"{days} days"
    return f"{hours} h" if hours > 1 else f"{minutes} min"


def shown(stays: Iterable[Stay], now: datetime) -> parts.Report:
    """The history; `now` is for how long a version has been where it is."""
    return parts.table(
        HEADER, [row(stay, now) for stay in stays], empty="No version was in a stage."
    )
