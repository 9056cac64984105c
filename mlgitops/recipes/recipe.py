"""Recipes by name, and the check of their parameters.

Light: a recipe's parameters are checked without scikit-learn or MLflow.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Protocol

from pydantic import ValidationError

from mlgitops.errors import RecipeError
from training import RECIPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic_core import ErrorDetails

    from mlgitops.recipes.sklearn.hyperparameters import Hyperparameters
    from mlgitops.recipes.sklearn.task import Estimator, Task


class Module(Protocol):
    """What a recipe's module holds."""

    USES_DATA: str | None
    Params: type[Hyperparameters]

    def prepare(self, params: Hyperparameters, data: str | None) -> Task[Estimator]:
        """Load the data and build the estimator, without fitting it."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """A recipe that exists.

    Attributes:
        name: its name, which is its module's.
        module: what it is made of.
    """

    name: str
    module: Module

    @property
    def uses_data(self) -> str | None:
        """The environment variable that names its data; None if it takes none."""
        return self.module.USES_DATA

    def parse(self, params: Mapping[str, object]) -> Hyperparameters:
        """The recipe's `Params` of a mapping, as models.yaml holds it.

        Raises:
            RecipeError: on one line, every parameter that is wrong.
        """
        try:
            return self.module.Params.model_validate(dict(params))
        except ValidationError as error:
            names = list(self.module.Params.model_fields)
            wrong = [_message(one, names) for one in error.errors(include_url=False)]
            raise RecipeError(f"{self.name}: {'; '.join(wrong)}") from None

    def prepare(self, params: Mapping[str, object], data: str | None) -> Task[Estimator]:
        """Everything that can be wrong, found before anything is trained or recorded.

        Raises:
            RecipeError: a parameter is wrong, or the recipe reads no data and some are named.
            TrainingDataError: the data do not have the shape that the recipe needs.
        """
        parsed = self.parse(params)
        if data is not None and self.uses_data is None:
            raise RecipeError(f"{self.name}: the recipe brings its own data; leave {data!r} away")
        return self.module.prepare(parsed, data)


def load(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        RecipeError: there is none.
    """
    if name not in RECIPES:
        close = get_close_matches(name, RECIPES, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise RecipeError(f"there is no recipe {name!r}{hint} (known: {', '.join(RECIPES)})")
    module: Module = importlib.import_module(f"training.{name}")
    return Recipe(name=name, module=module)


def canonical(recipe: str, params: Mapping[str, object]) -> str:
    """A recipe and its parameters as models.yaml states them, as JSON with one form only.

    >>> canonical("power_forecasting", {"seed": 1, "estimator": "linear"})
    '{"params":{"estimator":"linear","seed":1},"train":"power_forecasting"}'
    """
    stated = {"train": recipe, "params": dict(params)}
    return json.dumps(stated, sort_keys=True, separators=(",", ":"), default=str)


def _message(details: ErrorDetails, names: Iterable[str]) -> str:
    """What is wrong with one parameter, and what it should be."""
    place = ".".join(str(part) for part in details["loc"])
    if details["type"] == "extra_forbidden":
        close = get_close_matches(place, names, n=1)
        known = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names)}"
        return f"{place}: unknown parameter; {known}"
    if details["type"] == "missing":
        return f"{place}: missing; add it"
    if details["type"] == "value_error":
        return f"{place}: {details['ctx']['error']}"
    expected = details["msg"].removeprefix("Input ")
    return f"{place}: {expected}, got {details['input']!r}"
