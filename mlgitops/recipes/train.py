"""Train the recipes of models.yaml whose versions the registry does not have, in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors import Problem, RecipeError, VersionNumberError
from mlgitops.recipes import tracking
from mlgitops.recipes.package import package_of
from mlgitops.recipes.recipe import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from mlgitops.core.desired import Desired, DesiredModel, Recipe
    from mlgitops.core.registry import RegistryReader
    from mlgitops.recipes.package import RecipePackage


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingVersion:
    """A version that has a recipe and that the registry lacks."""

    model: str
    number: int
    recipe: Recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A version that was trained and registered, with its test metrics."""

    model: str
    number: int
    run_id: str
    metrics: dict[str, float]


def missing(
    desired: Desired, reader: RegistryReader, only: Collection[str] = ()
) -> tuple[MissingVersion, ...]:
    """What is to be trained, in ascending order for each model.

    Args:
        desired: models.yaml.
        reader: the registry that says which versions exist.
        only: models to train; all if empty.

    Raises:
        VersionNumberError: MLflow would give a recipe another number than its own, or its number
            belongs to a version that was trained by another recipe.
        RecipeError: there is no such recipe, or it does not take a parameter.
        RegistryError: the registry could not be read.
    """
    todo: list[MissingVersion] = []
    problems: list[Problem] = []
    for model in desired.models.values():
        if model.versions and (not only or model.name in only):
            taken = reader.recipes(model.name)
            todo += [
                MissingVersion(model=model.name, number=number, recipe=recipe)
                for number, recipe in model.versions.items()
                if number not in taken
            ]
            problems += [*_misnumbered(model, taken), *_mistaken(model, taken)]
    if problems:
        raise VersionNumberError(problems)
    _check_recipes(todo, package_of(desired))
    return tuple(todo)


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


def _check_recipes(todo: list[MissingVersion], package: RecipePackage) -> None:
    problems = []
    for one in todo:
        try:
            package.load(one.recipe.train).parse(one.recipe.params)
        except RecipeError as error:
            message = f"version {one.number}: {error}"
            problems.append(str(Problem(where=one.recipe.where, model=one.model, message=message)))
    if problems:
        raise RecipeError("\n".join(problems))


def run(
    version: MissingVersion,
    package: RecipePackage,
    *,
    data: str | None,
    prepare: Callable[[str], None] = lambda _: None,
    progress: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train and register one version; never promotes it.

    Args:
        version: what to train.
        package: where its recipe is found.
        data: a path or URL for a recipe that reads data; None for its default.
        prepare: called with the experiment's name before its first run.
        progress: told what is being done.

    Raises:
        RecipeError: the recipe fails, or does not train a model.
        TrainingDataError: the data do not have the shape that the recipe needs.
        VersionNumberError: MLflow gave another number, because the one wanted was used by a
            version that is deleted; the registry does not show those beforehand.
    """
    progress(f"training {version.model} version {version.number}")
    prepare(version.model)
    trained = tracking.run(
        version.recipe.train,
        params=version.recipe.params,
        data=data if package.load(version.recipe.train).takes_data else None,
        experiment=version.model,
        package=package,
    )
    number = tracking.register(trained, version.model)
    if number != version.number:
        message = (
            f"MLflow numbered it {number} instead of {version.number}, which belonged to a version "
            f"that is deleted; write {number} in models.yaml"
        )
        problem = Problem(where=version.recipe.where, model=version.model, message=message)
        raise VersionNumberError([problem])
    return Trained(
        model=version.model, number=number, run_id=trained.run_id, metrics=dict(trained.metrics)
    )
