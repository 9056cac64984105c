"""The record of one apply: what was decided, on what grounds, and what came of it. Pure.

It is kept as the parameters of a run, which MLflow lets nobody change: the text of a value in
pieces that fit. The decision is written before anything is applied, the results after it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DECISION, RESULTS = "decision", "results"
FIRST = datetime(2000, 1, 1, tzinfo=UTC)  # before any record
_PIECE = 6000  # characters: MLflow's limit for a parameter


@dataclass(frozen=True, kw_only=True, slots=True)
class GateSaid:
    """What a gate said of a change, as `mlgitops.core.gate.Verdict`."""

    rule: str
    result: str
    expected: str
    actual: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardSaid:
    """What a guard said; `allowed` is what and who allowed it, and why; empty if nothing did."""

    guard: str
    reason: str
    allowed: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """One change: what was to happen to a stage, on whose behalf and on what grounds.

    Attributes:
        digest: `sha256:…` of the new version's payload, where it was read or is pinned.
        commit_reason: why, as the commit says; may be empty.
        evaluation: `sha256:…` of the file of held-out rows that both versions predicted, if any.
    """

    model: str
    stage: str
    action: str
    old: int | None
    new: int | None
    digest: str | None
    commit: str
    actor: str
    pull_request: str | None
    approvers: tuple[str, ...]
    gates: tuple[GateSaid, ...]
    guards: tuple[GuardSaid, ...]
    commit_reason: str = ""
    evaluation: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What was decided of a plan; `version` counts changes that break readers.

    Attributes:
        file: the models.yaml.
        owner: who manages the stages.
        registry: the identity of the registry.
        mlgitops: the version of the engine.
        mlflow: the version of the registry's tracking server; empty if it does not say.
        guards: what guards said of the plan as a whole.
        changes: in the order of the plan.
    """

    version: Literal[1] = 1
    file: str
    owner: str
    registry: str
    mlgitops: str
    mlflow: str
    guards: tuple[GuardSaid, ...]
    changes: tuple[Decided, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What became of a change: `applied`, `failed`, `not attempted` or `refused`, and why."""

    outcome: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """What became of the changes of a decision, in its order."""

    changes: tuple[Result, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One change of one record, as auditors get it.

    Attributes:
        time: when its apply began.
        record: the id of the run.
        page: of the run in MLflow's UI; None where it has none.
        outcome: `applied`, `failed`, `not attempted`, `refused` or `unknown`.
        reason: why it was not applied; empty if it was.
        guards: what guards said of the change, and of the plan as a whole.
        commit_reason: why it was to be made, as the commit says; may be empty.
        mlflow: the version of the tracking server; empty if it did not say.
    """

    time: datetime
    record: str
    page: str | None
    model: str
    stage: str
    action: str
    old: int | None
    new: int | None
    outcome: str
    reason: str
    gates: tuple[GateSaid, ...]
    guards: tuple[GuardSaid, ...]
    actor: str
    approvers: tuple[str, ...]
    commit: str
    commit_reason: str
    pull_request: str | None
    digest: str | None
    evaluation: str | None
    file: str
    owner: str
    registry: str
    mlgitops: str
    mlflow: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """Where an apply is recorded.

    Attributes:
        run_id: the run; None if there is none.
        page: the run's page; None where it has none.
        problem: why there is no record, or what it lacks; empty if all is well.
    """

    run_id: str | None = None
    page: str | None = None
    problem: str = ""


def params(name: str, value: Decision | Results) -> dict[str, str]:
    """A value as parameters of a run: `NAME.0`, `NAME.1` and so on."""
    text = json.dumps(asdict(value), separators=(",", ":"))  # ASCII: it suits every database
    starts = range(0, len(text), _PIECE)
    return {f"{name}.{n}": text[start : start + _PIECE] for n, start in enumerate(starts)}


def text(name: str, found: Mapping[str, str]) -> str:
    """What `params` cut into pieces; empty if there is nothing."""

    def pieces() -> Iterator[str]:
        number = 0
        while (piece := found.get(f"{name}.{number}")) is not None:
            yield piece
            number += 1

    return "".join(pieces())
