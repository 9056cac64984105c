"""The form of two versions side by side."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasPath, BeforeValidator, Field, model_validator

from mlgitops.core.drift import Measure
from mlgitops.core.signature import fields
from mlgitops.report.schema.form import Form, Number, Words
from mlgitops.report.schema.predicted import (
    Classes,
    Output,
    Period,
    Quantile,
    Reworded,
    Vectors,
    quantiles,
)

Verdict = Literal["better", "worse", "same", "about the same"]


class Interval(Form):
    """Where a difference lies, in the metric's unit; `level` is a fraction."""

    low: Number
    high: Number
    level: float


class Metric(Form):
    """A metric of both sides; `relative` is a fraction of the old value.

    `interval` is that of the difference, null where no held-out rows give one.
    """

    name: str = Field(validation_alias="metric")
    old: Number | None
    new: Number | None
    difference: Number | None = Field(validation_alias="absolute")
    relative: Number | None
    interval: Interval | None
    verdict: Annotated[Verdict | None, BeforeValidator(lambda word: word or None)]


class Pair(Form):
    """What both sides have; null where one has none."""

    name: str
    old: str | None
    new: str | None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return (
            dict(zip(("name", "old", "new"), value, strict=True)) if type(value) is tuple else value
        )


class Fact(Pair):
    """A pair, and the address of a page that says more."""

    link: str | None


Type = Annotated[str, BeforeValidator(str)]


class Column(Form):
    """A column of a signature, or what is within one: `messages`, `messages[].role`."""

    name: str
    type: Type
    required: bool


class Param(Form):
    """A parameter of inference; `default` is JSON."""

    name: str
    type: Type
    default: str


def _fields(found: Any) -> Any:
    return None if found is None else list(fields(found))


Columns = Annotated[list[Column] | None, BeforeValidator(_fields)]


class Signature(Form):
    """What a version takes and gives."""

    inputs: Columns
    outputs: Columns
    params: list[Param]


class Artifact(Form):
    """The payload of a version; `size` in bytes."""

    digest: str
    size: int
    signature: Signature | None
    flavour: str
    serialization: str | None
    python: str | None
    requirements: list[str]
    example: bool


class Dataset(Form):
    """A data set that a run used, and what for."""

    name: str
    digest: str
    context: str


class Side(Form):
    """One of the two that are compared; `version` is null for a run that made none."""

    label: str
    version: Annotated[int | None, BeforeValidator(lambda number: number or None)] = Field(
        validation_alias=AliasPath("version", "number")
    )
    run: str | None = Field(validation_alias=AliasPath("version", "run_id"))
    created: str | None = Field(validation_alias=AliasPath("version", "created"))
    commit: str | None = Field(validation_alias=AliasPath("version", "commit"))
    seconds: Number | None = Field(validation_alias=AliasPath("version", "seconds"))
    datasets: list[Dataset] = Field(validation_alias=AliasPath("version", "datasets"))
    artifact: Artifact | None
    trouble: Words


class Cost(Form):
    """What one prediction costs."""

    milliseconds: Number
    mebibytes: Number


class Mover(Form):
    """A row whose prediction moved."""

    row: str
    old: Number
    new: Number
    actual: Number | None


class Answer(Form):
    """What both versions answer to a row; `_sure`: the probability that each gives its class."""

    row: str
    old: Number | str | None
    new: Number | str
    old_sure: float | None
    new_sure: float | None


class Confused(Form):
    """How many rows went from one class to another, or stayed."""

    old: str
    new: str
    rows: int


def _confusion(found: Any) -> Any:
    return [{"old": old, "new": new, "rows": rows} for (old, new), rows in found.items()]


class Predictions(Form):
    """How the answers to the same rows differ; `tolerance` and `changed` are fractions."""

    kind: Literal["regression", "classification", "outputs", "vectors", "text"]
    trouble: Words
    source: str
    rows: Annotated[int, BeforeValidator(len)] = Field(validation_alias=AliasPath("series", "new"))
    tolerance: float
    changed: Number | None
    quantiles: Annotated[list[Quantile], BeforeValidator(quantiles)]
    movers: list[Mover]
    confusion: Annotated[list[Confused], BeforeValidator(_confusion)]
    answers: list[Answer]
    scores: list[Metric]
    old_cost: Cost | None
    new_cost: Cost
    periods: list[Period]
    classes: Classes | None
    outputs: list[Output]
    vectors: Vectors | None
    reworded: list[Reworded]


class Slice(Form):
    """A metric of both sides on the held-out rows with one property; `relative` as in metrics.

    The intervals of all slices hold together.
    """

    column: str
    label: str
    rows: int
    metric: str
    old: Number
    new: Number
    difference: Number | None = Field(validation_alias=AliasPath("difference", "absolute"))
    relative: Number | None = Field(validation_alias=AliasPath("difference", "relative"))
    interval: Interval
    verdict: Verdict = Field(validation_alias=AliasPath("difference", "verdict"))


class Evaluated(Form):
    """What MLflow's evaluations measured of both on a data set."""

    dataset: str
    digest: str
    metrics: list[Metric]


class ColumnProfile(Form):
    """A column of training data; `missing` is a fraction, `values` counts distinct ones."""

    type: str
    missing: float | None
    low: Number | None
    high: Number | None
    values: int | None


class ColumnDrift(Form):
    """A column of both versions' training data; `distance` is 0 to 1."""

    column: str
    old: ColumnProfile | None
    new: ColumnProfile | None
    distance: float | None
    measure: Measure | None


class Drift(Form):
    """How the data that both were trained on differ; `note` says what could not be read."""

    columns: list[ColumnDrift]
    note: Words


class Line(Form):
    """A line of a prompt: "+" if only the new version has it, "-" if only the old one."""

    sign: Literal["+", "-", " ", "…"]
    text: str

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return dict(zip(("sign", "text"), value, strict=True)) if type(value) is tuple else value


class Past(Form):
    """A version of the model's history, with the stages that it holds now."""

    version: int = Field(validation_alias="number")
    metrics: dict[str, Number]
    stages: list[str]


class Compared(Form):
    """All that is known of two sides but for the single predictions."""

    model: str
    old: Side | None
    new: Side
    warnings: list[str]
    metrics: list[Metric]
    parameters: list[Pair]
    facts: list[Fact]
    requirements: list[Pair]
    text: list[Line]
    columns: list[str]
    breaks: list[str]
    predictions: Predictions | None
    slices: list[Slice]
    trouble: Words
    history: list[Past]
    evaluations: list[Evaluated]
    drift: Drift
    evaluation: str | None
    units: dict[str, str]


class Compare(Compared):
    """`mlgitops compare`."""

    version: Literal[1] = 1
    kind: Literal["compare"] = "compare"
