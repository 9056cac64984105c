"""Train the recipes of models.yaml whose versions the registry does not have, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.errors import Problem, RecipeError
from mlgitops.recipes import running
from mlgitops.recipes.package import package_of
from mlgitops.recipes.recipe import canonical
from mlgitops.recipes.running import Terms
from mlgitops.recipes.versions import MissingVersion, Training

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from mlgitops.core.desired import Desired, DesiredModel
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.version import VersionKey
    from mlgitops.recipes.package import RecipePackage
    from mlgitops.recipes.running import Crew


def train(
    desired: Desired,
    reader: RegistryReader,
    only: Collection[str] = (),
    *,
    data: str | None = None,
    needed: Collection[VersionKey] | None = None,
    prepare: Callable[[str], None] = lambda _: None,
    before: Callable[[Collection[Path]], None] = lambda _: None,
    progress: Callable[[str], None] = lambda _: None,
    hire: Callable[[int, RecipePackage], Crew | None] = lambda _, __: None,
) -> Training:
    """Train and register the versions that the registry lacks; never promotes one.

    What is wrong with a model is found before any version is trained, and stops no other model. Of
    one model, a version that fails stops those after it: they would get its number.

    Args:
        desired: models.yaml.
        reader: the registry that says which versions exist.
        only: models to train; all if empty.
        data: a path or URL for recipes that read data; None for their default.
        needed: the versions to train, the others get a number and no model; None for all.
        prepare: called with the experiment's name before its first run.
        before: told the folders of the code that is going to train.
        progress: told what is being done.
        hire: told of how many models versions are to be trained, and where their recipes are;
            returns who trains them, or None for this process.

    Raises:
        RegistryError: the registry could not be read.
        ClusterError: see `mlgitops.workers.cluster.Cluster`, where that is hired.
    """
    package = package_of(desired)
    todo, failures = [], []
    for model in desired.models.values():
        if model.versions and (not only or model.name in only):
            versions, problems = _missing(model, reader.recipes(model.name), package, needed)
            failures += list(map(str, problems))
            todo += [] if problems else [versions]
    recipes = {one.recipe.train for versions in todo for one in versions if one.needed}
    before({package.load(recipe).folder for recipe in recipes})
    terms = Terms(package=package, data=data, prepare=prepare, progress=progress)
    several = sum(any(one.needed for one in versions) for versions in todo)
    crew = hire(several, package) if several else None
    done = running.by_workers(todo, terms, crew) if crew else running.here(todo, terms)
    for versions in todo:
        failures += done.failures.get(versions[0].model, []) if versions else []
    trained = tuple(running.in_order(todo, done))
    return Training(trained=trained, failures=tuple(failures))


def _missing(
    model: DesiredModel,
    taken: Mapping[int, str | None],
    package: RecipePackage,
    needed: Collection[VersionKey] | None,
) -> tuple[list[MissingVersion], list[Problem]]:
    """The versions that a model lacks, ascending, and why they cannot be trained.

    A blocked one is of use only where a later one follows, which would get its number.
    """
    lacking = [number for number in model.versions if number not in taken]
    last = max((number for number in lacking if number not in model.blocked), default=0)
    versions = [
        MissingVersion(
            model=model.name,
            number=number,
            recipe=model.versions[number],
            needed=needed is None or (model.name, number) in needed,
        )
        for number in lacking
        if number <= last
    ]
    problems = [*_misnumbered(model, taken), *_mistaken(model, taken)]
    return versions, problems or list(_unusable(versions, package))


def _misnumbered(model: DesiredModel, taken: Collection[int]) -> Iterator[Problem]:
    coming = max(taken, default=0) + 1
    for number, recipe in model.versions.items():
        if number in taken:
            continue
        if number != coming:
            yield Problem(
                where=recipe.where,
                model=model.name,
                message=f"version {number} cannot be created: MLflow's next number is {coming}; "
                f"write {coming}, or register the versions before it",
            )
        coming += 1


def _mistaken(model: DesiredModel, taken: Mapping[int, str | None]) -> Iterator[Problem]:
    """Recipes whose number another one got, for example in a pull request that is still open."""
    for number, recipe in model.versions.items():
        made_by = taken.get(number)
        if made_by not in {None, canonical(recipe.train, recipe.params)}:
            yield Problem(
                where=recipe.where,
                model=model.name,
                message=f"version {number} was trained with a different recipe, {made_by}; restore "
                f"it, or add this one as version {max(taken) + 1}",
            )


def _unusable(versions: list[MissingVersion], package: RecipePackage) -> Iterator[Problem]:
    """Recipes that do not exist or do not take their parameters."""
    for one in versions:
        if not one.needed:
            continue
        try:
            package.load(one.recipe.train).parse(one.recipe.params)
        except RecipeError as error:
            message = f"version {one.number}: {error}"
            yield Problem(where=one.recipe.where, model=one.model, message=message)
