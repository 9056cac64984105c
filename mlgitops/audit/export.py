"""The records of a time, change by change, for an auditor. Reading them needs no models.yaml."""

from __future__ import annotations

import csv
from dataclasses import fields
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from mlgitops.core import record
from mlgitops.core.record import Decision, Entry, GateSaid, GuardSaid, Result, Results

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlgitops.core.record import Decided
    from mlgitops.registry.api import RunRow
    from mlgitops.registry.registry import MlflowRegistry

UNKNOWN = "unknown"
_UNFINISHED = Result(outcome=UNKNOWN, reason="the apply did not end, or could not record its end")
_DECISION, _RESULTS = TypeAdapter(Decision), TypeAdapter(Results)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets run when a cell begins with it


def read(
    registry: MlflowRegistry, since: datetime, until: datetime
) -> tuple[list[Entry], list[str]]:
    """The changes of all records of a time, the oldest first, and the runs that are no records.

    Raises:
        RegistryError: the tracking server could not be read.
    """
    found: list[Entry] = []
    strange: list[str] = []
    for run in registry.records.between(since, until):
        changes = entries(run, registry.address.page_of(run.run_id))
        found += changes or ()
        strange += [] if changes is not None else [run.run_id]
    return found, strange


def entries(run: RunRow, page: str | None) -> tuple[Entry, ...] | None:
    """The changes of a record, in the order of its plan; None if a run is no record.

    Args:
        run: as the tracking server has it.
        page: its address in MLflow's UI.
    """
    text = record.text(record.DECISION, run.params)
    found = record.text(record.RESULTS, run.params)
    try:
        decision = _DECISION.validate_json(text)
        results = _RESULTS.validate_json(found).changes if found else ()
    except ValidationError:
        return None
    results = results or (_UNFINISHED,) * len(decision.changes)
    if len(results) != len(decision.changes):
        return None
    pairs = zip(decision.changes, results, strict=True)
    return tuple(_entry(run, page, decision, change, result) for change, result in pairs)


def _entry(
    run: RunRow, page: str | None, decision: Decision, change: Decided, result: Result
) -> Entry:
    return Entry(
        time=datetime.fromtimestamp((run.begun or 0) / 1000, UTC),
        record=run.run_id,
        page=page,
        model=change.model,
        stage=change.stage,
        action=change.action,
        old=change.old,
        new=change.new,
        outcome=result.outcome,
        reason=result.reason,
        gates=change.gates,
        guards=(*change.guards, *decision.guards),
        actor=change.actor,
        approvers=change.approvers,
        commit=change.commit,
        commit_reason=change.commit_reason,
        pull_request=change.pull_request,
        digest=change.digest,
        evaluation=change.evaluation,
        file=decision.file,
        owner=decision.owner,
        registry=decision.registry,
        mlgitops=decision.mlgitops,
        mlflow=decision.mlflow,
    )


def csv_lines(found: Iterable[Entry]) -> Iterator[str]:
    """A table as RFC 4180 has it, line by line; a cell never begins what a spreadsheet would run.

    A quote mark goes before such a cell, which spreadsheets do not show.
    """
    header = [field.name for field in fields(Entry)]
    yield _line(header)
    for entry in found:
        yield _line(_cell(getattr(entry, name)) for name in header)


def _line(cells: Iterable[str]) -> str:
    line = StringIO()
    csv.writer(line).writerow(f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells)
    return line.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return "; ".join(map(_cell, value))
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, GateSaid):
        return f"{value.result}: {value.rule} (expected: {value.expected}; actual: {value.actual})"
    if isinstance(value, GuardSaid):
        end = f"allowed by {value.allowed}" if value.allowed else "refused"
        return f"{value.guard}: {value.reason} ({end})"
    return "" if value is None else str(value)
