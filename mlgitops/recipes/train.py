"""Train the recipes of models.yaml whose versions the registry does not have, in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors import (
    MlgitopsError,
    Problem,
    RecipeError,
    RegistryTimeoutError,
    RegistryUnreachableError,
    TrainingFailedError,
    VersionNumberError,
)
from mlgitops.recipes import tracking
from mlgitops.recipes.package import package_of
from mlgitops.recipes.recipe import canonical
from mlgitops.words import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from mlgitops.core.desired import Desired, DesiredModel, Recipe
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.version import VersionKey
    from mlgitops.recipes.package import RecipePackage

_HOPELESS = (RegistryUnreachableError, RegistryTimeoutError)  # every other version meets them too


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingVersion:
    """A version that has a recipe and that the registry lacks.

    Attributes:
        needed: whether it is to be trained; else it only gets its number.
    """

    model: str
    number: int
    recipe: Recipe
    needed: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A version that was trained and registered, with its test metrics."""

    model: str
    number: int
    run_id: str
    metrics: dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """What was trained, and why the rest was not: one line for each cause."""

    trained: tuple[Trained, ...]
    failures: tuple[str, ...]

    def check(self) -> None:
        """Stop here if something could not be trained.

        Raises:
            TrainingFailedError: naming each cause, with its line of models.yaml.
        """
        if self.failures:
            raise TrainingFailedError("\n".join(self.failures))


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

    Raises:
        RegistryError: the registry could not be read.
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
    trained: list[Trained] = []
    for versions in todo:
        for one in versions:
            try:
                if one.needed:
                    trained.append(_run(one, package, data, prepare, progress))
                else:
                    _reserve(one)
            except _HOPELESS as error:
                failures += _failures(one, error, versions)
                return Training(trained=tuple(trained), failures=tuple(failures))
            except MlgitopsError as error:
                failures += _failures(one, error, versions)
                break
    return Training(trained=tuple(trained), failures=tuple(failures))


def _failures(
    failed: MissingVersion, error: MlgitopsError, versions: list[MissingVersion]
) -> Iterator[str]:
    where, model = failed.recipe.where, failed.model
    yield str(Problem(where=where, model=model, message=f"version {failed.number}: {error}"))
    if later := [str(one.number) for one in versions if one.number > failed.number]:
        message = f"not trained, because version {failed.number} failed: {listed(later)}"
        yield str(Problem(where=where, model=model, message=message))


def _missing(
    model: DesiredModel,
    taken: Mapping[int, str | None],
    package: RecipePackage,
    needed: Collection[VersionKey] | None,
) -> tuple[list[MissingVersion], list[Problem]]:
    """The versions that a model lacks, ascending, and why they cannot be trained."""
    versions = [
        MissingVersion(
            model=model.name,
            number=number,
            recipe=recipe,
            needed=needed is None or (model.name, number) in needed,
        )
        for number, recipe in model.versions.items()
        if number not in taken
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


def _run(
    version: MissingVersion,
    package: RecipePackage,
    data: str | None,
    prepare: Callable[[str], None],
    progress: Callable[[str], None],
) -> Trained:
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
    _check_number(version, number)
    return Trained(
        model=version.model, number=number, run_id=trained.run_id, metrics=dict(trained.metrics)
    )


def _reserve(version: MissingVersion) -> None:
    made_by = canonical(version.recipe.train, version.recipe.params)
    _check_number(version, tracking.reserve(version.model, made_by))


def _check_number(version: MissingVersion, number: int) -> None:
    if number != version.number:
        raise VersionNumberError(
            f"MLflow numbered it {number} instead of {version.number}, which belonged to a version "
            f"that is deleted; write {number} in models.yaml"
        )
