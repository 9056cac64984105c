"""Stages: slots of a model, stored as aliases; two of them are classic stages of MLflow too."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.errors import Where

StageKey = tuple[str, str]  # model, alias
PRODUCTION = "Production"
STAGING = "Staging"
ARCHIVED = "Archived"
CLASSIC_STAGES = (PRODUCTION, STAGING)


def alias_of(stage: str) -> str:
    """The alias that stores `stage`: its name in lower case."""
    return stage.lower()


BY_ALIAS = {alias_of(stage): stage for stage in CLASSIC_STAGES}


def classic_stage(alias: str) -> str | None:
    """The classic stage that is kept in step with `alias`, if there is one."""
    return BY_ALIAS.get(alias)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredStage:
    """A stage that models may have; `production`: what it holds serves, so guards watch it."""

    name: str
    production: bool = False

    @property
    def alias(self) -> str:
        """The alias that stores this stage."""
        return alias_of(self.name)


_BY_DEFAULT = (DeclaredStage(name=STAGING), DeclaredStage(name=PRODUCTION, production=True))


@dataclass(frozen=True, kw_only=True)
class DeclaredStages:
    """The stages that models may have, in their order of promotion.

    Attributes:
        where: the place of the declaration; None if nothing declares them.
    """

    listed: tuple[DeclaredStage, ...] = _BY_DEFAULT
    where: Where | None = field(default=None, compare=False)

    @cached_property
    def _by_alias(self) -> Mapping[str, DeclaredStage]:
        return {stage.alias: stage for stage in self.listed}

    @cached_property
    def _ranks(self) -> Mapping[str, int]:
        return {stage.alias: rank for rank, stage in enumerate(self.listed)}

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, as they are declared."""
        return tuple(stage.name for stage in self.listed)

    @property
    def production(self) -> tuple[str, ...]:
        """The aliases of those that are production."""
        return tuple(stage.alias for stage in self.listed if stage.production)

    def find(self, name: str) -> DeclaredStage | None:
        """The stage of this name, in whichever case it is written."""
        return self._by_alias.get(alias_of(name))

    def name_of(self, alias: str) -> str:
        """What people call the stage that is stored as `alias`, declared or not."""
        found = self._by_alias.get(alias)
        return found.name if found else classic_stage(alias) or alias

    def rank(self, alias: str) -> int:
        """The place of a stage in the order of promotion; those not declared come last."""
        return self._ranks.get(alias, len(self.listed))

    def is_guarded(self, alias: str) -> bool:
        """Whether the stage is production; one that is not declared any more may have been."""
        found = self._by_alias.get(alias)
        return found is None or found.production
