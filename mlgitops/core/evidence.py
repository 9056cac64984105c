"""What is known of two versions side by side, as immutable values.

Nothing here reads anything: `collect` does for plans, `compare` for two versions that are named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from mlgitops.core.drift import NO_DRIFT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np

    from mlgitops.core.drift import Drift
    from mlgitops.core.evaluated import Evaluated, Measurement
    from mlgitops.core.metrics import Difference
    from mlgitops.core.signature import Signature
    from mlgitops.core.version import Version

PredictionKind = Literal["regression", "classification"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """The payload of a version, as it lies in a folder of this machine.

    Attributes:
        folder: where it lies while the comparison is made; gone afterwards.
        digest: `sha256:…` of the payload, as `mlgitops.registry.digest` defines it.
        size: bytes of all its files.
        signature: what it takes and gives; None where it does not say.
        flavour: MLflow's flavour that loads it, such as `sklearn` or `python_function`.
        serialization: the format of its weights, such as `skops`; None where it does not say.
        python: the version of Python that logged it, such as `3.11.7`.
        requirements: the lines of its requirements.txt.
        example: whether it was logged with an input example.
        logged_as: the id of the logged model that it is; None where MLmodel names none.
    """

    folder: Path
    digest: str
    size: int
    signature: Signature | None
    flavour: str
    serialization: str | None
    python: str | None
    requirements: tuple[str, ...]
    example: bool
    logged_as: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of the two that are compared.

    Attributes:
        label: what people call it: `version 2`, `run 1a2b3c4d`.
        version: what its run recorded; its number is 0 for a run that no version was made of.
        artifact: None if it was not asked for or cannot be had.
        trouble: why there is no artifact, where it was asked for.
        measured: what runs that evaluated its logged model measured.
    """

    label: str
    version: Version
    artifact: Artifact | None = None
    trouble: str = ""
    measured: tuple[Measurement, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a prediction costs on the machine that made the comparison.

    Attributes:
        milliseconds: the median time of a prediction of one row.
        mebibytes: the memory that loading the model and predicting took.
    """

    milliseconds: float
    mebibytes: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Mover:
    """A row whose prediction moved, and what is true where that is known."""

    row: str
    old: float
    new: float
    actual: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What both versions answer to a row; `old` is None without an old version."""

    row: str
    old: float | str | None
    new: float | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """The rows that both scored, in their order; each array has the shape (rows,).

    Attributes:
        labels: what a row is called: its day, or its number.
        actual: the true values; None where nobody knows them, as with input examples.
        old: None where only the new version could score the rows.
    """

    labels: tuple[str, ...]
    new: np.ndarray
    old: np.ndarray | None
    actual: np.ndarray | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictions:
    """How the answers of two versions to the same rows differ.

    Attributes:
        source: which rows: `731 held-out rows of prices (digest 1a2b3c4d)`.
        tolerance: a prediction counts as changed if it moved by more than this share of the old
            one; a class, if it is another one.
        changed: the share of rows that changed, from 0 to 1; None without an old version.
        quantiles: share of rows → difference new minus old at most that; unit of the target.
        movers: the rows that moved most, the first the furthest.
        confusion: (old class, new class) → rows; for classifications.
        answers: all rows, where an input example has so few that nothing can be counted; then
            `changed`, `quantiles`, `movers` and `confusion` say nothing.
        scores: scikit-learn's metrics of both on these rows, where the true values are known.
        old_cost: what a prediction of the old version costs; None without one.
    """

    kind: PredictionKind
    source: str
    series: Series
    new_cost: Cost
    old_cost: Cost | None = None
    tolerance: float = 0.01
    changed: float | None = None
    quantiles: Mapping[float, float] = field(default_factory=lambda: MappingProxyType({}))
    movers: tuple[Mover, ...] = ()
    confusion: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    answers: tuple[Answer, ...] = ()
    scores: tuple[Difference, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """Something that both sides have: Python, size, commit; None where a side does not say."""

    name: str
    old: str | None
    new: str | None
    link: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """A version of a model's history, with the stages that it holds now."""

    number: int
    metrics: Mapping[str, float]
    stages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """All that is known of an old and a new side.

    Attributes:
        old: None where a stage was empty.
        metrics: recorded by the runs, those of the test set first.
        parameters: (name, old, new) of those that differ; None where a side has none of it.
        facts: what else differs or is worth knowing.
        requirements: (package, old, new) of those that differ.
        text: of prompts, the lines that differ, each after "+", "-", " " or "…".
        columns: how the signature changed, in words; `breaks` holds what breaks callers of it.
        warnings: what a reviewer must know before believing the numbers.
        predictions: None where they were not asked for or could not be made.
        trouble: why there are no predictions, where they were asked for.
        history: the latest versions of the model, ascending.
        evaluations: what MLflow's evaluations measured of both, by data set.
        drift: how the data differ that both were trained on.
        evaluation: `sha256:…` of the file that models.yaml names, where both predicted its rows.
    """

    model: str
    new: Side
    old: Side | None = None
    metrics: tuple[Difference, ...] = ()
    parameters: tuple[tuple[str, str | None, str | None], ...] = ()
    facts: tuple[Fact, ...] = ()
    requirements: tuple[tuple[str, str | None, str | None], ...] = ()
    text: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    predictions: Predictions | None = None
    trouble: str = ""
    history: tuple[Past, ...] = ()
    evaluations: tuple[Evaluated, ...] = ()
    drift: Drift = NO_DRIFT
    evaluation: str | None = None
