"""Whether the recipes of a models.yaml exist and take the parameters that it gives them.

Recipes are somebody's code, and a check of a pull request runs it: their modules are imported in a
process of its own, without secrets. See `mlgitops.system.isolated` for what that is worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors import IsolatedError, MissingPackageError, Problem, RecipeError
from mlgitops.recipes.package import RecipePackage, package_of
from mlgitops.system import isolated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.desired import Desired, Recipe

TIMEOUT = 60.0  # seconds for importing all recipes


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What is wrong with recipes, and what could not be checked here."""

    problems: tuple[Problem, ...]
    unchecked: tuple[Problem, ...]


def check_recipes(desired: Desired, *, timeout: float = TIMEOUT) -> Findings:
    """Import every recipe and hold its parameters against it; no process where there is none.

    Args:
        desired: models.yaml.
        timeout: seconds; a recipe that is not imported by then is a problem, and is the last.
    """
    stated = [
        (model.name, number, recipe)
        for model in desired.models.values()
        for number, recipe in model.versions.items()
    ]
    if not stated:
        return Findings(problems=(), unchecked=())
    problems: list[Problem] = []
    unchecked: list[Problem] = []
    for (model, number, recipe), answer in zip(
        stated, _answers(desired, [one for _, _, one in stated], timeout), strict=False
    ):
        wrong, missing = answer
        into = unchecked if missing else problems
        into += [
            Problem(where=recipe.where, model=model, message=f"version {number}: {line}")
            for line in wrong
        ]
    return Findings(problems=tuple(problems), unchecked=tuple(unchecked))


def _answers(
    desired: Desired, recipes: list[Recipe], timeout: float
) -> Iterator[tuple[list[str], bool]]:
    asked = [(one.train, dict(one.params)) for one in recipes]
    done = 0
    try:
        for wrong, missing in isolated.call(_child, package_of(desired), asked, timeout=timeout):
            yield wrong, missing
            done += 1
    except IsolatedError as error:
        name = recipes[min(done, len(recipes) - 1)].train
        hint = "move slow or failing imports into its functions"
        yield [f"{name}: its module could not be imported: {error}; {hint}"], False


def _child(
    package: RecipePackage, asked: list[tuple[str, dict[str, object]]]
) -> Iterator[tuple[list[str], bool]]:
    """What runs in the process: of each recipe what is wrong, and whether a package is missing."""
    for name, params in asked:
        try:
            recipe = package.load(name)
            yield [f"{name}: {line}" for line in recipe.wrong(params)], False
        except MissingPackageError as error:
            yield [str(error)], True
        except RecipeError as error:
            yield [str(error)], False
