"""The form of two versions side by side."""

from typing import Literal

from typing_extensions import TypedDict

# JSON has no word for NaN and infinity
Number = float | Literal["nan", "inf", "-inf"]
Verdict = Literal["better", "worse", "same"]


class Metric(TypedDict):
    """A metric of both sides; `relative` is a fraction of the old value."""

    name: str
    old: Number | None
    new: Number | None
    difference: Number | None
    relative: Number | None
    verdict: Verdict | None


class Pair(TypedDict):
    """What both sides have; null where one has none."""

    name: str
    old: str | None
    new: str | None


class Fact(Pair):
    """A pair, and the address of a page that says more."""

    link: str | None


class Column(TypedDict):
    """A column of a signature."""

    name: str
    type: str
    required: bool


class Signature(TypedDict):
    """What a version takes and gives."""

    inputs: list[Column] | None
    outputs: list[Column] | None


class Artifact(TypedDict):
    """The payload of a version; `size` in bytes."""

    digest: str
    size: int
    signature: Signature | None
    flavour: str
    serialization: str | None
    python: str | None
    requirements: list[str]
    example: bool


class Dataset(TypedDict):
    """A data set that a run used, and what for."""

    name: str
    digest: str
    context: str


class Side(TypedDict):
    """One of the two that are compared; `version` is null for a run that made none."""

    label: str
    version: int | None
    run: str | None
    created: str | None
    commit: str | None
    seconds: Number | None
    datasets: list[Dataset]
    artifact: Artifact | None
    trouble: str | None


class Cost(TypedDict):
    """What one prediction costs."""

    milliseconds: Number
    mebibytes: Number


class Quantile(TypedDict):
    """The difference new minus old that a share of the rows stays at or below."""

    share: float
    difference: Number


class Mover(TypedDict):
    """A row whose prediction moved."""

    row: str
    old: Number
    new: Number
    actual: Number | None


class Confused(TypedDict):
    """How many rows went from one class to another, or stayed."""

    old: str
    new: str
    rows: int


class Predictions(TypedDict):
    """How the answers to the same rows differ; `tolerance` and `changed` are fractions."""

    kind: Literal["regression", "classification"]
    source: str
    rows: int
    tolerance: float
    changed: Number | None
    quantiles: list[Quantile]
    movers: list[Mover]
    confusion: list[Confused]
    scores: list[Metric]
    old_cost: Cost | None
    new_cost: Cost


class Past(TypedDict):
    """A version of the model's history, with the stages that it holds now."""

    version: int
    metrics: dict[str, Number]
    stages: list[str]


class Compared(TypedDict):
    """All that is known of two sides but for the single predictions."""

    model: str
    old: Side | None
    new: Side
    warnings: list[str]
    metrics: list[Metric]
    parameters: list[Pair]
    facts: list[Fact]
    requirements: list[Pair]
    columns: list[str]
    breaks: list[str]
    predictions: Predictions | None
    trouble: str | None
    history: list[Past]


class Compare(Compared):
    """`mlgitops compare`."""

    version: Literal[1]
    kind: Literal["compare"]
