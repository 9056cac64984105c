"""The form of what answers say in the language of their task."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from mlgitops.report.schema.form import Form, Number


class Quantile(Form):
    """The difference new minus old that a share of the rows stays at or below."""

    share: float
    difference: Number


class Share(Form):
    """The value that a share of the rows stays at or below."""

    share: float
    value: Number


def quantiles(found: Any) -> Any:
    """Differences by the share of the rows, as a list."""
    return [{"share": share, "difference": value} for share, value in found.items()]


def _shares(found: Any) -> Any:
    return [{"share": share, "value": value} for share, value in found.items()]


class Period(Form):
    """Errors, predicted minus actual, of the rows of a day, week, month, quarter or year."""

    label: str
    rows: int
    old_mean: Number | None
    new_mean: Number
    old_mae: Number | None
    new_mae: Number


class Recall(Form):
    """The share of a class that a version finds, and its precision, as fractions."""

    name: str
    rows: int
    old: Number | None
    new: Number | None
    old_precision: Number | None
    new_precision: Number | None


class Bin(Form):
    """Rows that got about the same probability, and how often it came true."""

    said: float
    true: float
    rows: int


class Switched(Form):
    """A row that got another class."""

    row: str
    old: str
    new: str
    old_probability: Number | None
    new_probability: Number | None
    actual: str | None


class Probabilities(Form):
    """What becomes of probabilities; `event` is empty where it is that the version is right."""

    classes: list[str]
    moved: Annotated[list[Share], BeforeValidator(_shares)]
    event: str
    old_bins: list[Bin]
    new_bins: list[Bin]


class Classes(Form):
    """Rows that only the old version gets right, and only the new one; and each class."""

    broken: int | None
    mended: int | None
    recalls: list[Recall]
    switched: list[Switched]
    probabilities: Probabilities | None


class Output(Form):
    """One of several numbers a row; `changed` is a fraction."""

    name: str
    changed: Number | None
    old_mean: Number | None
    new_mean: Number
    quantiles: Annotated[list[Quantile], BeforeValidator(quantiles)]


class Unlike(Form):
    """A row whose vectors are least alike."""

    row: str
    cosine: Number

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return dict(zip(("row", "cosine"), value, strict=True)) if type(value) is tuple else value


class Vectors(Form):
    """Cosines of old and new; of the `nearest` rows of each row, the share that both agree on."""

    old_size: int | None
    new_size: int
    old_norm: Number | None
    new_norm: Number
    cosine: Annotated[list[Share], BeforeValidator(_shares)]
    neighbours: Number | None
    nearest: int
    unlike: list[Unlike]


class Reworded(Form):
    """An answer in text that changed."""

    row: str
    old: str | None
    new: str
