"""The desired state: what models.yaml says, as immutable values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mlgitops.core.stage import alias_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from mlgitops.errors import Where

Direction = Literal["higher", "lower"]
Mode = Literal["enforce", "warn"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How to train a version: a module of `training/` and the parameters it is called with."""

    train: str
    params: Mapping[str, object]
    where: Where


@dataclass(frozen=True, kw_only=True, slots=True)
class Regression:
    """How much worse than the version now in the stage a metric may be.

    Attributes:
        amount: a fraction of the present value where `relative`, else in the metric's own unit.
        relative: True for a percentage.
        text: as models.yaml writes it.
    """

    amount: float
    relative: bool
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Moded:
    """What every gate has: whether its failure refuses a plan, or is only shown."""

    mode: Mode = "enforce"


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricGate(Moded):
    """A bound on a metric of the version's run, absolute or against the present version."""

    metric: str
    minimum: float | None = None
    maximum: float | None = None
    max_regression: Regression | None = None
    better: Direction | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SignatureGate(Moded):
    """The signature must accept whatever callers of the present version send."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Soak:
    """How long a version must have been in a stage, and that as models.yaml writes it."""

    span: timedelta
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PromotedFromGate(Moded):
    """The version must hold, or have held, another stage first; with a soak, for that long."""

    stage: str
    soak: Soak | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SameDatasetGate(Moded):
    """The version was evaluated on the data set of the present one; `context` as MLflow has it."""

    context: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactSizeGate(Moded):
    """The payload has at most so many bytes; `text` as models.yaml writes it."""

    most: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyGate(Moded):
    """A prediction of one row takes at most so many milliseconds, as the median."""

    most: float
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TagGate(Moded):
    """The version has a tag; of this very value, unless it is None."""

    tag: str
    value: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonGate(Moded):
    """A team's own check.

    Attributes:
        module: dotted, such as `checks.wind`.
        folders: where the module is looked for before what is installed.
    """

    module: str
    function: str
    folders: tuple[str, ...]


Gate = (
    MetricGate
    | SignatureGate
    | PromotedFromGate
    | SameDatasetGate
    | ArtifactSizeGate
    | LatencyGate
    | TagGate
    | PythonGate
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Freeze:
    """No changes until a moment (with a time zone), and why."""

    reason: str
    until: datetime
    where: Where


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredStage:
    """The version that a stage is to hold; `version=None` means that it is to be empty."""

    name: str
    version: int | None
    where: Where
    digest: str | None = None

    @property
    def alias(self) -> str:
        """The alias that stores this stage."""
        return alias_of(self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredModel:
    """One model of models.yaml; `stages` and `gates` keep the order of the file."""

    name: str
    description: str | None
    owners: tuple[str, ...]
    versions: Mapping[int, Recipe]
    gates: Mapping[str, tuple[Gate, ...]]
    stages: tuple[DesiredStage, ...]
    where: Where
    freeze: Freeze | None = None

    def gates_for(self, alias: str) -> tuple[Gate, ...]:
        """The gates of the stage stored as `alias`, whichever case the file writes it in."""
        return tuple(
            gate for name, gates in self.gates.items() if alias_of(name) == alias for gate in gates
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Desired:
    """All models of one models.yaml, in the order of the file."""

    file: str
    models: Mapping[str, DesiredModel]
    freeze: Freeze | None = None
