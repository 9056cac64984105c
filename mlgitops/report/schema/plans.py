"""The form of what the verbs on models.yaml and the registry report."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasPath, BeforeValidator, Field

from mlgitops.core.apply import Status
from mlgitops.core.gate import Result
from mlgitops.core.permissions import Guard
from mlgitops.core.plan import Action
from mlgitops.core.status import StageState
from mlgitops.report.schema.comparison import Compared, Metric, Pair
from mlgitops.report.schema.form import Form, Number, Time, Words
from mlgitops.report.schema.serving import Served
from mlgitops.words import NONE

_LINE = Field(default=None, validation_alias=AliasPath("where", "line"))


class Stamp(Form):
    """Who moved a stage last through mlgitops."""

    move: int
    version: int | None
    previous: int | None
    commit: str
    actor: str
    time: str
    pull_request: str | None
    registry: str
    owner: str
    record: str | None
    reason: Words


class Runs(Form):
    """The runs that made both versions."""

    old: str | None = Field(default=None, validation_alias=AliasPath("old", "version", "run_id"))
    new: str | None = Field(default=None, validation_alias=AliasPath("new", "version", "run_id"))


class Gate(Form):
    """What one gate says of a change."""

    rule: str
    result: Result
    expected: str
    actual: str


class Problem(Form):
    """One thing that is wrong in models.yaml, or that the registry cannot give."""

    file: str | None = Field(default=None, validation_alias=AliasPath("where", "file"))
    line: int | None = _LINE
    column: int | None = Field(default=None, validation_alias=AliasPath("where", "column"))
    model: str | None
    stage: str | None
    message: str


class WayBack(Form):
    """Where a rollback leads; `blocked` says why it cannot, and what to do."""

    version: int | None
    blocked: Words
    unchecked: Words


class Objection(Form):
    """What a guard says against a plan."""

    guard: Guard
    model: str | None
    stage: str | None
    reason: str
    allowed: bool
    allowed_by: Words
    line: int | None = _LINE


def _change(name: str) -> Any:
    return Field(validation_alias=AliasPath("change", name))


def _said(pairs: Any) -> Any:
    return [(name, old or NONE, new or NONE) for name, old, new in pairs]


class Change(Form):
    """What happens to one stage, and the evidence for it."""

    model: str = _change("model")
    stage: str = _change("stage")
    action: Action = _change("action")
    old: int | None = _change("old")
    new: int | None = _change("new")
    drift: bool = _change("drift")
    rollback: bool = _change("rollback")
    downgrade: bool = _change("downgrade")
    misaligned: list[str] = _change("misaligned")
    line: int | None = Field(default=None, validation_alias=AliasPath("change", "where", "line"))
    last_move: Stamp | None = _change("stamp")
    metrics: list[Metric] = Field(
        default_factory=list, validation_alias=AliasPath("comparison", "metrics")
    )
    parameters: Annotated[list[Pair], BeforeValidator(_said)] = Field(
        default_factory=list, validation_alias=AliasPath("comparison", "parameters")
    )
    runs: Annotated[Runs, BeforeValidator(lambda found: found or {})] = Field(
        validation_alias="comparison"
    )
    gates: list[Gate] = Field(validation_alias="verdicts")
    refused: bool
    problems: list[Problem]
    pending_before: bool = Field(validation_alias="before")
    comparison: Compared | None
    payload_unchecked: Words = Field(validation_alias=AliasPath("payload", "unchecked"))
    way_back: WayBack | None
    commit_reason: Words


class Scope(Form):
    """Which models a plan is about, and why; null for all."""

    models: list[str] | None
    why: str
    commit: str | None


class Proposed(Form):
    """What plan and apply have in common."""

    file: str
    scope: Scope | None
    stages: int
    refused: bool
    summary: str
    guards: list[Objection]
    warnings: list[Problem]
    changes: list[Change]


class Plan(Proposed):
    """`mlgitops plan`."""

    version: Literal[1] = 1
    kind: Literal["plan"] = "plan"


class TriedStage(Form):
    """What the gates of a stage say of a version; `old` is what it is held against."""

    stage: str = _change("stage")
    old: int | None = _change("old")
    refused: Annotated[bool, BeforeValidator(bool)] = Field(validation_alias="failed")
    gates: list[Gate] = Field(validation_alias="verdicts")
    comparison: Compared | None


class GatesTry(Form):
    """`mlgitops gates try`."""

    version: Literal[1] = 1
    kind: Literal["gates try"] = "gates try"
    model: str
    number: int
    refused: bool
    stages: list[TriedStage]


class AppliedChange(Form):
    """What became of one change."""

    model: str = _change("model")
    stage: str = _change("stage")
    old: int | None = _change("old")
    new: int | None = _change("new")
    status: Status
    reason: Words


class Record(Form):
    """The run that records an apply; null where there is none, and why."""

    run_id: str | None
    page: str | None
    problem: Words


class Apply(Proposed):
    """`mlgitops apply` and `mlgitops rebuild`; nothing is recorded of one that changes nothing."""

    version: Literal[1] = 1
    kind: Literal["apply"] = "apply"
    outcomes: list[AppliedChange]
    record: Record | None


class Stage(Form):
    """How one stage stands."""

    model: str
    stage: str
    desired: int | None
    actual: int | None
    state: StageState
    stamp: Stamp | None
    note: Words
    way_back: WayBack | None


class StatusReport(Form):
    """`mlgitops status`."""

    version: Literal[1] = 1
    kind: Literal["status"] = "status"
    stages: list[Stage]
    deployments: list[Served]


class UnusedVersion(Form):
    """A version that nothing needs; `created` is when it was registered."""

    model: str
    number: int = Field(validation_alias=AliasPath("version", "number"))
    created: str | None = Field(validation_alias=AliasPath("version", "created"))
    status: str = Field(validation_alias=AliasPath("version", "status"))
    run: str | None = Field(validation_alias=AliasPath("version", "run_id"))


class UnusedReport(Form):
    """`mlgitops unused`."""

    version: Literal[1] = 1
    kind: Literal["unused"] = "unused"
    versions: list[UnusedVersion]


class Stay(Form):
    """A version's stay in a stage; times in ISO 8601."""

    model: str
    stage: str
    version: int | None
    since: Time
    until: Time | None
    by: str
    commit: str
    pull_request: str | None
    subject: str
    reason: Words
    applied: Time | None
    declared: bool
    pending: bool
    record: str | None


class History(Form):
    """`mlgitops history`."""

    version: Literal[1] = 1
    kind: Literal["history"] = "history"
    stays: list[Stay]


class TrainedVersion(Form):
    """A version that was trained and registered."""

    model: str
    number: int
    run_id: str
    metrics: dict[str, Number]


class Train(Form):
    """`mlgitops train`."""

    version: Literal[1] = 1
    kind: Literal["train"] = "train"
    trained: list[TrainedVersion]


class Validate(Form):
    """`mlgitops validate`."""

    version: Literal[1] = 1
    kind: Literal["validate"] = "validate"
    valid: bool
    problems: list[Problem]
    more: int = Field(default=0, description="problems that are not listed; fix these first")


class Error(Form):
    """What `--report FILE.json` holds where there is nothing to report."""

    version: Literal[1] = 1
    kind: Literal["error"] = "error"
    errors: list[str]
