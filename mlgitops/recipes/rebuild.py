"""An empty server becomes what models.yaml says: every recipe in order, then every stage."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.errors import DesiredVersionError, NotEmptyError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.desired import Desired
    from mlgitops.core.held import Held


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


def without_prompts(desired: Desired) -> tuple[Desired, list[str]]:
    """The models alone, and the prompts by their names: a prompt's text is in its registry only."""
    models = {name: model for name, model in desired.models.items() if not model.prompt}
    prompts = [name for name in desired.models if name not in models]
    return replace(desired, models=MappingProxyType(models)), prompts


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
