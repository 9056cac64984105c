"""The form of what the verbs on models.yaml and the registry report."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AliasPath, Field, PlainSerializer

from mlgitops.core.apply import Status
from mlgitops.core.gate import Result
from mlgitops.core.guards import Guard
from mlgitops.core.plan import Action
from mlgitops.core.status import StageState
from mlgitops.report.schema.comparison import Compared, Metric, Pair
from mlgitops.report.schema.form import Form, Number, Words

Time = Annotated[datetime, PlainSerializer(datetime.isoformat, return_type=str)]
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


class Runs(Form):
    """The runs that made both versions."""

    old: str | None
    new: str | None


class Gate(Form):
    """What one gate says of a change."""

    rule: str
    result: Result
    expected: str
    actual: str


class Objection(Form):
    """What a guard says against a plan."""

    guard: Guard
    model: str | None
    stage: str | None
    reason: str
    allowed: bool
    line: int | None = _LINE


class Change(Form):
    """What happens to one stage, and the evidence for it."""

    model: str
    stage: str
    action: Action
    old: int | None
    new: int | None
    drift: bool
    rollback: bool
    downgrade: bool
    misaligned: list[str]
    line: int | None
    last_move: Stamp | None
    metrics: list[Metric]
    parameters: list[Pair]
    runs: Runs
    gates: list[Gate]
    refused: bool
    comparison: Compared | None


class Proposed(Form):
    """What plan and apply have in common."""

    file: str
    stages: int
    refused: bool
    summary: str
    guards: list[Objection]
    changes: list[Change]


class Plan(Proposed):
    """`mlgitops plan`."""

    version: Literal[1] = 1
    kind: Literal["plan"] = "plan"


class AppliedChange(Form):
    """What became of one change."""

    model: str = Field(validation_alias=AliasPath("change", "model"))
    stage: str = Field(validation_alias=AliasPath("change", "stage"))
    old: int | None = Field(validation_alias=AliasPath("change", "old"))
    new: int | None = Field(validation_alias=AliasPath("change", "new"))
    status: Status
    reason: Words


class Apply(Proposed):
    """`mlgitops apply` and `mlgitops rebuild`."""

    version: Literal[1] = 1
    kind: Literal["apply"] = "apply"
    outcomes: list[AppliedChange]


class Stage(Form):
    """How one stage stands."""

    model: str
    stage: str
    desired: int | None
    actual: int | None
    state: StageState
    stamp: Stamp | None
    note: Words


class StatusReport(Form):
    """`mlgitops status`."""

    version: Literal[1] = 1
    kind: Literal["status"] = "status"
    stages: list[Stage]


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
    applied: Time | None
    declared: bool


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


class Problem(Form):
    """One thing that is wrong in models.yaml."""

    file: str | None = Field(default=None, validation_alias=AliasPath("where", "file"))
    line: int | None = _LINE
    column: int | None = Field(default=None, validation_alias=AliasPath("where", "column"))
    model: str | None
    stage: str | None
    message: str


class Validate(Form):
    """`mlgitops validate`."""

    version: Literal[1] = 1
    kind: Literal["validate"] = "validate"
    valid: bool
    problems: list[Problem]


class Error(Form):
    """What `--report FILE.json` holds where there is nothing to report."""

    version: Literal[1] = 1
    kind: Literal["error"] = "error"
    errors: list[str]
