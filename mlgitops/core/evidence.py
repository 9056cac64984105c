"""What is known of two versions side by side, as immutable values.

Nothing here reads anything: `collect` does for plans, `compare` for two versions that are named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from mlgitops.core.drift import NO_DRIFT
from mlgitops.core.metrics import Difference, titled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from mlgitops.core.directions import Direction
    from mlgitops.core.drift import Drift
    from mlgitops.core.evaluated import Evaluated
    from mlgitops.core.metrics import Interval
    from mlgitops.core.predicted import Classes, Output, Period, Reworded, Vectors
    from mlgitops.core.signature import Signature
    from mlgitops.core.version import Version

# outputs: some numbers a row, each with a meaning; vectors: many that mean something together
Differing = tuple[str, str | None, str | None]  # name, old and new value; None where there is none
PredictionKind = Literal["regression", "classification", "outputs", "vectors", "text"]


def differing(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Differing, ...]:
    """What both sides say otherwise, or only one says, by name."""
    return tuple(
        (name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """The payload of a version, as it lies in a folder of this machine.

    Attributes:
        folder: where it lies while the comparison is made; gone afterwards.
        digest: `sha256:…` of the payload, as `mlgitops.registry.digest` defines it.
        size: bytes of all its files.
        signature: what it takes and gives; None where it does not say, or it cannot be read.
        flavour: MLflow's flavour that loads it, such as `sklearn` or `python_function`; `unknown`
            where it names none.
        serialization: the format of its weights, such as `skops`; None where it does not say.
        python: the version of Python that logged it, such as `3.11.7`.
        requirements: the lines of its requirements.txt.
        example: whether it was logged with an input example.
        unknown: what it says in a way that nobody can read, and why.
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
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of the two that are compared.

    Attributes:
        label: what people call it: `version 2`, `run 1a2b3c4d`.
        version: what its run recorded; its number is 0 for a run that no version was made of.
        artifact: None if it was not asked for or cannot be had.
        trouble: why there is no artifact, where it was asked for.
    """

    label: str
    version: Version
    artifact: Artifact | None = None
    trouble: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a prediction costs on the machine that made the comparison.

    Attributes:
        milliseconds: the median time of a prediction of one row.
        mebibytes: the memory that loading the model and predicting took.
        environment: whose packages it ran with, in words; empty where those of the machine are
            the ones that the version asks for.
    """

    milliseconds: float
    mebibytes: float
    environment: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mover:
    """A row whose prediction moved, and what is true where that is known."""

    row: str
    old: float
    new: float
    actual: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What both versions answer to a row; `old` is None without an old version.

    Attributes:
        old_sure, new_sure: the probability that each gives its answer, if it is a class and the
            version says so.
    """

    row: str
    old: float | str | None
    new: float | str
    old_sure: float | None = None
    new_sure: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """The rows that both scored, in their order; each array has the shape (rows,).

    Attributes:
        labels: what a row is called: its day, or its number.
        new: of kinds with several numbers a row, of shape (rows, numbers); so is `old`.
        actual: the true values; None where nobody knows them, as with input examples.
        old: None where only the new version could score the rows.
    """

    labels: tuple[str, ...]
    new: np.ndarray
    old: np.ndarray | None
    actual: np.ndarray | None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class HeldOut:
    """Rows that no version learnt from, as both scored them; for gates, and not kept in reports.

    Attributes:
        frame: features of shape (rows, columns): all columns that either version takes.
        actual: the true values, of shape (rows,).
        labels: what each row is called: its day, or its number.
    """

    frame: pd.DataFrame
    actual: np.ndarray
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictions:
    """How the answers of two versions to the same rows differ.

    Attributes:
        trouble: why the answers of both cannot be compared; there is nothing of the old one then.
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
        periods: errors over time, where rows are days or times and the true values are known.
        classes: of classifications.
        outputs: of kind `outputs`, in the model's order.
        vectors: of kind `vectors`.
        reworded: of texts, the answers that changed; all, without an old version.
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
    trouble: str = ""
    periods: tuple[Period, ...] = ()
    classes: Classes | None = None
    outputs: tuple[Output, ...] = ()
    vectors: Vectors | None = None
    reworded: tuple[Reworded, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """Both versions on the held-out rows with one property.

    Attributes:
        column: the column that tells; `month` or `quarter` of rows that are days.
        label: the category, or the lowest and highest value of the quartile: `270.3 to 359.8`.
        rows: how many rows there are.
        metric: `mae` or `accuracy`.
        old: the metric of the old version on these rows.
        new: that of the new one.
        interval: of new minus old; the intervals of all slices hold together.
        better: which way is better.
    """

    column: str
    label: str
    rows: int
    metric: str
    old: float
    new: float
    interval: Interval
    better: Direction

    @property
    def name(self) -> str:
        """`quarter October to December`."""
        return f"{self.column} {self.label}"

    @property
    def difference(self) -> Difference:
        """Old and new as a metric of all rows is shown."""
        return Difference(
            metric=self.metric,
            old=self.old,
            new=self.new,
            better=self.better,
            interval=self.interval,
        )

    @property
    def worse(self) -> float:
        """How much worse the new version is, in the metric's unit; negative where it is better."""
        return self.new - self.old if self.better == "lower" else self.old - self.new

    @property
    def regression(self) -> float:
        """How much worse the new version is, as a fraction of the old one; infinite of nothing."""
        if not self.old:
            return math.copysign(math.inf, self.worse) if self.worse else 0.0
        return self.worse / abs(self.old)


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
        slices: both versions on parts of the held-out rows, the one that is worst first.
        trouble: why there are no predictions, where they were asked for.
        history: the latest versions of the model, ascending.
        evaluations: what MLflow's evaluations measured of both, by data set.
        drift: how the data differ that both were trained on.
        evaluation: `sha256:…` of the file that models.yaml names, where both predicted its rows.
        rows: the held-out rows that `predictions.series` is of, in its order; None where the rows
            are those of an input example, and once gates have judged.
        units: metric → its unit, where models.yaml says it.
    """

    model: str
    new: Side
    old: Side | None = None
    metrics: tuple[Difference, ...] = ()
    parameters: tuple[Differing, ...] = ()
    facts: tuple[Fact, ...] = ()
    requirements: tuple[Differing, ...] = ()
    text: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    predictions: Predictions | None = None
    slices: tuple[Slice, ...] = ()
    trouble: str = ""
    history: tuple[Past, ...] = ()
    evaluations: tuple[Evaluated, ...] = ()
    drift: Drift = NO_DRIFT
    evaluation: str | None = None
    rows: HeldOut | None = None
    units: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def titled(self, metric: str) -> str:
        """A metric with its unit."""
        return titled(metric, self.units)
