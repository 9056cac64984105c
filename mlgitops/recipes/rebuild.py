"""An empty server becomes what models.yaml says: every recipe in order, then every stage."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.errors import DesiredVersionError, NotEmptyError, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mlgitops.core.desired import Desired, DesiredModel
    from mlgitops.core.held import Held
    from mlgitops.core.version import VersionKey


def require_rebuildable(desired: Desired, held: Held) -> None:
    """Return if the registry is empty as far as models.yaml goes, and all it needs has a recipe.

    Raises:
        NotEmptyError: the registry has some of the models.
        DesiredVersionError: versions in stages that have no recipe; all of them.
    """
    there = [name for name in desired.models if name in held.models]
    if there:
        raise NotEmptyError(
            f"the registry has {', '.join(there)} already; rebuild needs an empty registry, so use "
            "`mlgitops train` and `mlgitops apply`"
        )
    problems = list(_without_recipe(desired))
    if problems:
        raise DesiredVersionError(problems)


def _without_recipe(desired: Desired) -> Iterator[Problem]:
    for model in desired.models.values():
        for stage in model.stages:
            if stage.version is not None and stage.version not in model.versions:
                yield Problem(
                    where=stage.where,
                    model=model.name,
                    stage=stage.name,
                    message=f"version {stage.version} has no recipe; add it under `versions`",
                )


def planned(before: Desired, after: Desired) -> frozenset[VersionKey]:
    """The versions that leave or enter a stage between one models.yaml and another."""
    held, wanted = dict(_versions(before)), dict(_versions(after))
    return frozenset(
        (model, version)
        for model, alias in held.keys() | wanted.keys()
        if held.get((model, alias)) != wanted.get((model, alias))
        for version in (held.get((model, alias)), wanted.get((model, alias)))
        if version is not None
    )


def _versions(desired: Desired) -> Iterator[tuple[tuple[str, str], int | None]]:
    for model in desired.models.values():
        yield from (((model.name, stage.alias), stage.version) for stage in model.stages)


def unjudged(desired: Desired, trained: Collection[VersionKey] | None) -> Desired:
    """Without gates, which were met when the file was merged, and without pins of what is not had.

    Args:
        desired: models.yaml.
        trained: the versions that have a model; None if all have.
    """
    models = {name: _unjudged(model, trained) for name, model in desired.models.items()}
    return replace(desired, models=MappingProxyType(models))


def _unjudged(model: DesiredModel, trained: Collection[VersionKey] | None) -> DesiredModel:
    stages = tuple(
        stage
        if trained is None or (model.name, stage.version) in trained
        else replace(stage, digest=None)
        for stage in model.stages
    )
    return replace(model, gates=MappingProxyType({}), stages=stages)
