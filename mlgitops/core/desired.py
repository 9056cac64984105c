"""The desired state: what models.yaml says, as immutable values.

Twice the same said is equal, wherever in the file it stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, time, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mlgitops.core.stage import DeclaredStages, alias_of
from mlgitops.words import when

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from mlgitops.core.deployments import DesiredDeployment
    from mlgitops.core.directions import Direction, Meaning
    from mlgitops.core.gate import Gate
    from mlgitops.core.promotion import Rule
    from mlgitops.errors import Where

RECIPES = "training"
_NOTHING: Mapping[Any, Any] = MappingProxyType({})
MODELS, PROMPTS = "models", "prompts"


def _nothing() -> Mapping[Any, Any]:
    """What a key says that is not there: one object for most keys of most models."""
    return _NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How to train a version: a module of the recipes' package, and its parameters."""

    train: str
    params: Mapping[str, object]
    where: Where = field(compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Held-out rows for versions without a recipe.

    Attributes:
        data: a path relative to models.yaml, or an https address, of CSV or Parquet.
        target: the column of true values.
    """

    data: str
    target: str
    where: Where = field(compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Freeze:
    """No changes until a moment (with a time zone), and why."""

    reason: str
    until: datetime
    where: Where = field(compare=False)

    def __str__(self) -> str:
        return f"no changes until {self.end}: {self.reason}"

    def lasts(self, now: datetime) -> bool:
        """Whether it has not ended."""
        return now < self.until

    @property
    def end(self) -> str:
        """That moment in words: what ends with a day is said to."""
        utc = self.until.astimezone(UTC)
        if utc.time() == time():
            return f"the end of {utc - timedelta(days=1):%Y-%m-%d} (UTC)"
        return when(utc)


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardException:
    """What a guard refuses is allowed until a moment (with a time zone), and why.

    Attributes:
        guard: its name.
        until: the end as the file writes it.
        ends: the moment.
    """

    guard: str
    reason: str
    until: str
    ends: datetime
    where: Where = field(compare=False)

    def expired(self, now: datetime) -> bool:
        """Whether it allows nothing any more."""
        return now >= self.ends


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocked:
    """Why a version must not enter a stage again."""

    reason: str
    where: Where = field(compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredStage:
    """The version that a stage is to hold; `version=None` means that it is to be empty."""

    name: str
    version: int | None
    where: Where = field(compare=False)
    digest: str | None = None

    @property
    def alias(self) -> str:
        """The alias that stores this stage."""
        return alias_of(self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredModel:
    """One model or prompt of models.yaml; stages, gates and rules keep the order of the file.

    Attributes:
        promote: stage → which version is proposed for it.
        blocked: the versions that no stage may hold; in a valid file, `stages` names none of them.
        announce: who is told when a stage changes: OWNER/NAME of a repository on GitHub, or the
            name of a webhook, which has no slash.
        metrics: metric → what it means.
    """

    name: str
    description: str | None = None
    owners: tuple[str, ...] = ()
    versions: Mapping[int, Recipe] = field(default_factory=_nothing)
    gates: Mapping[str, tuple[Gate, ...]] = field(default_factory=_nothing)
    stages: tuple[DesiredStage, ...] = ()
    where: Where = field(compare=False)
    freeze: Freeze | None = None
    allow: tuple[GuardException, ...] = ()
    prompt: bool = False
    promote: Mapping[str, Rule] = field(default_factory=_nothing)
    blocked: Mapping[int, Blocked] = field(default_factory=_nothing)
    announce: tuple[str, ...] = ()
    evaluation: Evaluation | None = None
    metrics: Mapping[str, Meaning] = field(default_factory=_nothing)

    @property
    def directions(self) -> Mapping[str, Direction]:
        """Metric → which way is better, of all that gates, rules or the model itself say it of."""
        found: dict[str, Direction] = {}
        for gates in self.gates.values():
            for gate in gates:
                found.update(gate.directions)
        for rule in self.promote.values():
            found.update(rule.directions)
        return MappingProxyType(found | self.declared_directions)

    @property
    def declared_directions(self) -> dict[str, Direction]:
        """The same, of those that the model itself says it of."""
        return {name: said.better for name, said in self.metrics.items() if said.better}

    @property
    def units(self) -> Mapping[str, str]:
        """Metric → its unit, where the model says it."""
        return {name: said.unit for name, said in self.metrics.items() if said.unit}

    @property
    def section(self) -> str:
        """The key of the file under which it stands."""
        return PROMPTS if self.prompt else MODELS

    def listed(self, alias: str) -> DesiredStage | None:
        """What the file says of the stage stored as `alias`; None if it does not list it."""
        return next((stage for stage in self.stages if stage.alias == alias), None)

    def gates_for(self, alias: str) -> tuple[Gate, ...]:
        """The gates of the stage stored as `alias`, whichever case the file writes it in."""
        return tuple(
            gate for name, gates in self.gates.items() if alias_of(name) == alias for gate in gates
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Desired:
    """All models of one models.yaml in the order of the file, then its prompts.

    Attributes:
        version: of the form that the file has.
        stages: those that models may have; in a valid file, models name no others.
        recipes: the package that recipes are modules of.
        folders: where it is looked for before what is installed.
        owner: who manages the stages; empty until that is known.
        images: what the names of serving images begin with in their registry; empty if there is
            none.
        include: the patterns of the files that have models, too.
        deployments: where stages are served.
    """

    file: str
    models: Mapping[str, DesiredModel]
    version: int = 1
    stages: DeclaredStages = field(default_factory=DeclaredStages)
    recipes: str = RECIPES
    folders: tuple[str, ...] = ()
    owner: str = ""
    freeze: Freeze | None = None
    allow: tuple[GuardException, ...] = ()
    images: str = ""
    include: tuple[str, ...] = ()
    deployments: Mapping[str, DesiredDeployment] = field(default_factory=_nothing)

    @property
    def exceptions(self) -> Iterator[tuple[str | None, GuardException]]:
        """All exceptions, each with its model; None if it is one of the whole file."""
        yield from ((None, one) for one in self.allow)
        for model in self.models.values():
            yield from ((model.name, one) for one in model.allow)
