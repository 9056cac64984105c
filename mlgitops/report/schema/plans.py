"""The form of what the verbs on models.yaml and the registry report."""

from typing import Literal

from typing_extensions import TypedDict

from mlgitops.core.apply import Status
from mlgitops.core.gate import Result
from mlgitops.core.guards import Guard
from mlgitops.core.plan import Action
from mlgitops.core.status import StageState
from mlgitops.report.schema.comparison import Compared, Metric, Number, Pair


class Stamp(TypedDict):
    """Who moved a stage last through mlgitops."""

    move: int
    version: int | None
    previous: int | None
    commit: str
    actor: str
    time: str
    pull_request: str | None


class Runs(TypedDict):
    """The runs that made both versions."""

    old: str | None
    new: str | None


class Gate(TypedDict):
    """What one gate says of a change."""

    rule: str
    result: Result
    expected: str
    actual: str


class Objection(TypedDict):
    """What a guard says against a plan."""

    guard: Guard
    model: str | None
    stage: str | None
    reason: str
    allowed: bool
    line: int | None


class Change(TypedDict):
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


class Proposed(TypedDict):
    """What plan and apply have in common."""

    file: str
    stages: int
    refused: bool
    summary: str
    guards: list[Objection]
    changes: list[Change]


class Plan(Proposed):
    """`mlgitops plan`."""

    version: Literal[1]
    kind: Literal["plan"]


class AppliedChange(TypedDict):
    """What became of one change."""

    model: str
    stage: str
    old: int | None
    new: int | None
    status: Status
    reason: str | None


class Apply(Proposed):
    """`mlgitops apply` and `mlgitops rebuild`."""

    version: Literal[1]
    kind: Literal["apply"]
    outcomes: list[AppliedChange]


class Stage(TypedDict):
    """How one stage stands."""

    model: str
    stage: str
    desired: int | None
    actual: int | None
    state: StageState
    stamp: Stamp | None
    note: str | None


class StatusReport(TypedDict):
    """`mlgitops status`."""

    version: Literal[1]
    kind: Literal["status"]
    stages: list[Stage]


class Stay(TypedDict):
    """A version's stay in a stage; times in ISO 8601."""

    model: str
    stage: str
    version: int | None
    since: str
    until: str | None
    by: str
    commit: str
    pull_request: str | None
    subject: str
    applied: str | None
    declared: bool


class History(TypedDict):
    """`mlgitops history`."""

    version: Literal[1]
    kind: Literal["history"]
    stays: list[Stay]


class TrainedVersion(TypedDict):
    """A version that was trained and registered."""

    model: str
    number: int
    run_id: str
    metrics: dict[str, Number]


class Train(TypedDict):
    """`mlgitops train`."""

    version: Literal[1]
    kind: Literal["train"]
    trained: list[TrainedVersion]


class Problem(TypedDict):
    """One thing that is wrong in models.yaml."""

    file: str | None
    line: int | None
    column: int | None
    model: str | None
    stage: str | None
    message: str


class Validate(TypedDict):
    """`mlgitops validate`."""

    version: Literal[1]
    kind: Literal["validate"]
    valid: bool
    problems: list[Problem]


class Error(TypedDict):
    """What `--report FILE.json` holds where there is nothing to report."""

    version: Literal[1]
    kind: Literal["error"]
    errors: list[str]
