"""Whether the recipes of a models.yaml exist and take the parameters that it gives them.

Recipes are somebody's code, and a check of a pull request runs it: their modules are imported in a
process of its own, without secrets. See `mlgitops.system.isolated` for what that is worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from mlgitops.errors import IsolatedError, MissingPackageError, Problem, RecipeError
from mlgitops.recipes.package import RecipePackage, package_of
from mlgitops.system import isolated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.desired import Desired, Recipe

_Use = tuple[str, int, "Recipe"]  # a model and the number of its version, which the recipe trains
# whether a package is missing; and of each use, in their order, what is wrong
_Answer = tuple[bool, list[list[str]]]
_ANSWER: TypeAdapter[_Answer] = TypeAdapter(_Answer)

_LONGEST = 500  # characters of what a recipe says
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
    uses: dict[str, list[_Use]] = {}
    for model in desired.models.values():
        for number, recipe in model.versions.items():
            uses.setdefault(recipe.train, []).append((model.name, number, recipe))
    if not uses:
        return Findings(problems=(), unchecked=())
    problems: list[Problem] = []
    unchecked: list[Problem] = []
    for of_recipe, (missing, answers) in zip(
        uses.values(), _answers(desired, uses, timeout), strict=False
    ):
        into = unchecked if missing else problems
        into += [
            Problem(where=recipe.where, model=model, message=f"version {number}: {line[:_LONGEST]}")
            for (model, number, recipe), wrong in zip(of_recipe, answers, strict=False)
            for line in wrong
        ]
    return Findings(problems=tuple(problems), unchecked=tuple(unchecked))


def _answers(desired: Desired, uses: dict[str, list[_Use]], timeout: float) -> Iterator[_Answer]:
    asked = {name: [dict(one.params) for _, _, one in of] for name, of in uses.items()}
    names, package = list(asked), package_of(desired)
    done = 0
    try:
        for said in isolated.call(
            _child, package, asked, timeout=timeout, readable=package.folders
        ):
            yield _checked(said)
            done += 1
    except IsolatedError as error:
        name = names[min(done, len(names) - 1)]
        hint = "move slow or failing imports into its functions"
        yield False, [[f"{name}: its module could not be imported: {error}; {hint}"]]


def _checked(said: object) -> _Answer:
    try:
        return _ANSWER.validate_python(said)
    except ValidationError:
        raise IsolatedError("its answer cannot be read") from None


def _child(package: RecipePackage, asked: dict[str, list[dict[str, object]]]) -> Iterator[_Answer]:
    """What runs in the process: one answer a recipe, which is imported once."""
    for name, stated in asked.items():
        try:
            recipe = package.load(name)
            yield False, [[f"{name}: {line}" for line in recipe.wrong(one)] for one in stated]
        except RecipeError as error:
            yield isinstance(error, MissingPackageError), [[str(error)] for _ in stated]
