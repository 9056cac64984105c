"""The actual state: what the registry holds, as values that planning can compare.

Nothing here talks to a registry; `mlgitops.registry.client` fills these in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.stamp import Stamp

PRODUCTION = "Production"
STAGING = "Staging"
ARCHIVED = "Archived"
CLASSIC_STAGES = (PRODUCTION, STAGING)
READY = "READY"


RECIPE_TAG = "mlgitops.recipe"  # of a version: the recipe that it was trained by


def alias_of(stage: str) -> str:
    """The alias that stores `stage`: its name in lower case."""
    return stage.lower()


def classic_stage(alias: str) -> str | None:
    """The classic stage that is kept in step with `alias`, if there is one."""
    return next((stage for stage in CLASSIC_STAGES if alias_of(stage) == alias), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class ActualModel:
    """One registered model, as a single paged search shows it.

    Attributes:
        name: the registered model's name.
        aliases: alias → version.
        classic: classic stage → the version that `models:/NAME/STAGE` resolves to.
        stamps: alias → the stamps of that stage on this model's versions, keyed by the version
            that carries the stamp.
    """

    name: str
    aliases: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    classic: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    stamps: Mapping[str, Mapping[int, Stamp]] = field(default_factory=lambda: MappingProxyType({}))

    def newest_stamp(self, alias: str) -> tuple[int, Stamp] | None:
        """The stamp of the last move of a stage and the version that carries it, if any."""
        stamps = self.stamps.get(alias, {})
        return max(stamps.items(), key=lambda item: item[1].move) if stamps else None

    def holder_stamp(self, alias: str) -> Stamp | None:
        """The stamp of the version that holds `alias`, provided that it is the newest one.

        None means that mlgitops did not put the present holder there.
        """
        newest = self.newest_stamp(alias)
        if newest is None:
            return None
        carrier, stamp = newest
        holds = self.aliases.get(alias) == carrier == stamp.version
        return stamp if holds else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Actual:
    """All registered models by name."""

    models: Mapping[str, ActualModel]

    def model(self, name: str) -> ActualModel:
        """The model `name`, or an empty one where the registry has none."""
        return self.models.get(name) or ActualModel(name=name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column or tensor of a signature; `type` as MLflow writes it, e.g. `double`."""

    name: str
    type: str
    required: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """What a model version takes and gives; None where the version does not say."""

    inputs: tuple[Column, ...] | None
    outputs: tuple[Column, ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetUse:
    """A data set that a run used: MLflow's digest of it, and what for: `train` or `test`."""

    name: str
    digest: str
    context: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """A model version that exists, with the evidence that its run recorded.

    Attributes:
        number: MLflow's version number.
        status: `READY`, `PENDING_REGISTRATION` or `FAILED_REGISTRATION`.
        run_id: the run that made it, if it was made by one that still exists.
        metrics: metric name → last value.
        params: parameter name → value as logged.
        signature: None where the model was logged without one.
        uri: where its payload is to be had, such as `models:/NAME/2`.
        created: when it was registered, ISO 8601 in UTC.
        datasets: what it was trained and tested on.
        seconds: how long its run took; None where that is not known.
        commit: git's commit that it was trained from.
    """

    number: int
    status: str
    run_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    metrics: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    signature: Signature | None = None
    uri: str = ""
    created: str | None = None
    datasets: tuple[DatasetUse, ...] = ()
    seconds: float | None = None
    commit: str | None = None
