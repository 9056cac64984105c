"""The recipes that versions were trained by, with their data of this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlgitops.core.version import RECIPE_TAG
from mlgitops.errors import RecipeError
from mlgitops.recipes import tracking
from mlgitops.words import from_json

if TYPE_CHECKING:
    from mlgitops.core.version import Version
    from mlgitops.recipes.package import RecipePackage
    from mlgitops.recipes.tracking import Training


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """Prepares each recipe once, which may read much data; for as long as a comparison takes.

    Attributes:
        package: where the recipes are found.
    """

    package: RecipePackage
    _known: dict[str, tuple[Training, str | None]] = field(default_factory=dict)

    def of(self, version: Version) -> tuple[Training | None, str | None]:
        """A version's recipe with its data, and the variable that names other data.

        Raises:
            RecipeError: the recipe is not there, or fails.
            TrainingDataError: the data do not have the shape that the recipe needs.
        """
        stated = version.tags.get(RECIPE_TAG)
        if stated is None:
            return None, None
        if stated not in self._known:
            self._known[stated] = _prepared(stated, self.package)
        return self._known[stated]


def _prepared(stated: str, package: RecipePackage) -> tuple[Training, str | None]:
    try:
        parsed = from_json(stated)
        name, params = str(parsed["train"]), dict(parsed["params"])
    except (ValueError, KeyError, TypeError):
        raise RecipeError(f"its tag {RECIPE_TAG} is not a recipe: {stated[:200]!r}") from None
    recipe = package.load(name)
    return tracking.prepare(recipe, params, None), recipe.variable
