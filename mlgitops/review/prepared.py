"""The recipes that versions were trained by, with their data of this machine."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlgitops.core.version import RECIPE_TAG
from mlgitops.errors import RecipeError
from mlgitops.recipes import tracking
from mlgitops.words import from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mlgitops.core.version import Version
    from mlgitops.recipes.package import RecipePackage
    from mlgitops.recipes.tracking import Training
    from mlgitops.review.rows import Rows

    _Known = tuple[tuple[Training, str | None], int]  # with the bytes of its data

_PAIR = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """Prepares each recipe once, which may read much data.

    What was asked for last is kept: the data of two recipes, and as many more as fit.

    Attributes:
        package: where the recipes are found.
        most: bytes of the data that are kept.
    """

    package: RecipePackage
    most: int = 1 << 30
    _known: OrderedDict[str, _Known] = field(default_factory=OrderedDict)
    _rows: dict[tuple[str | None, ...], Rows] = field(default_factory=dict)

    def rows(self, versions: Iterable[Version], make: Callable[[], Rows]) -> Rows:
        """What is made of the data of some versions; once for others of the same recipes after."""
        stated = tuple(one.tags.get(RECIPE_TAG) for one in versions)
        if stated not in self._rows:
            made = make()
            self._rows.clear()
            self._rows[stated] = made
        return self._rows[stated]

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
        self._known.move_to_end(stated)
        while (
            len(self._known) > _PAIR and sum(size for _, size in self._known.values()) > self.most
        ):
            self._known.popitem(last=False)
        return self._known[stated][0]


def _size(training: Training) -> int:
    """The bytes of its data, as far as anybody but the recipe knows them."""
    known = (training.held_out, training.learnt_from)
    tables = [one.examples.features for one in known if one is not None]
    return int(sum(table.memory_usage(index=True).sum() for table in tables))


def _prepared(stated: str, package: RecipePackage) -> _Known:
    try:
        parsed = from_json(stated)
        name, params = str(parsed["train"]), dict(parsed["params"])
    except (ValueError, KeyError, TypeError):
        raise RecipeError(f"its tag {RECIPE_TAG} is not a recipe: {stated[:200]!r}") from None
    recipe = package.load(name)
    training = tracking.prepare(recipe, params, None)
    return (training, recipe.variable), _size(training)
