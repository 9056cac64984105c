"""A recipe's module: which form it has, what parameters it takes, calling its functions.

Light: a recipe's parameters are checked without scikit-learn or MLflow.
"""

from __future__ import annotations

import inspect
import json
import os
import traceback
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from mlgitops.errors import MlgitopsError, RecipeError
from mlgitops.system.modules import importable
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from pydantic_core import ErrorDetails

FORMS = ("train", "prepare")
GIVEN = ("params", "data")  # what functions of a recipe are called with


class NoParams(BaseModel):
    """The parameters of a recipe that takes none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeModule:
    """A recipe that exists; `mlgitops.recipes` says what its module holds.

    Attributes:
        name: its name, which is its module's.
        module: what it is made of.
        folders: whose modules it can import while it runs.
    """

    name: str
    module: ModuleType
    folders: tuple[str, ...] = ()

    def check(self) -> None:
        """Return if the module has the form of a recipe.

        Raises:
            RecipeError: it has not.
        """
        file = self.module.__file__
        forms = [name for name in FORMS if callable(getattr(self.module, name, None))]
        if len(forms) != 1:
            what = "both train and prepare: keep one" if forms else "neither train nor prepare"
            raise RecipeError(f"{self.name}: {file} is not a recipe: it has {what}")
        model = getattr(self.module, "Params", None)
        if model is not None and not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise RecipeError(f"{self.name}: Params in {file} is not a pydantic model; make it one")
        for name in filter(self.has, (*FORMS, "holdout")):
            taken = self._arguments(name)
            if foreign := ", ".join(sorted(taken.difference(GIVEN))):
                raise RecipeError(
                    f"{self.name}: {name} in {file} may take params and data; it takes {foreign}"
                )
            if "params" in taken and model is None:
                raise RecipeError(
                    f"{self.name}: {name} in {file} takes params, but {file} has no class Params; "
                    "add one or drop the argument"
                )

    def has(self, function: str) -> bool:
        """Whether the module has a function of that name."""
        return callable(getattr(self.module, function, None))

    @property
    def folder(self) -> Path:
        """Where its module lies."""
        return Path(str(self.module.__file__)).parent

    @property
    def variable(self) -> str | None:
        """The environment variable that names its data; None if there is none."""
        name: str | None = getattr(self.module, "USES_DATA", None)
        return name

    @property
    def takes_data(self) -> bool:
        """Whether it can be given data; else it brings its own."""
        return any("data" in self._arguments(name) for name in filter(self.has, FORMS))

    def data(self, given: str | None) -> str | None:
        """The data that it reads: what is given, else what its variable names.

        Raises:
            RecipeError: it brings its own data and is given some.
        """
        if not self.takes_data:
            if given is None:
                return None
            raise RecipeError(f"{self.name}: the recipe brings its own data; omit {given!r}")
        return given or (os.environ.get(self.variable) if self.variable else None) or None

    def wrong(self, params: Mapping[str, object]) -> list[str]:
        """What is wrong with parameters as models.yaml holds them; one line each."""
        try:
            self._parsed(params)
        except ValidationError as error:
            names = list(self._model().model_fields)
            return [_message(one, names) for one in error.errors(include_url=False)]
        except Exception as error:  # noqa: BLE001 - a validator of the recipe may raise anything
            return [f"its class Params fails: {said(error)}"]
        return []

    def parse(self, params: Mapping[str, object]) -> BaseModel:
        """The recipe's `Params` of a mapping, as models.yaml holds it.

        Raises:
            RecipeError: on one line, every parameter that is wrong.
        """
        if wrong := self.wrong(params):
            raise RecipeError(f"{self.name}: {'; '.join(wrong)}")
        return self._parsed(params)

    def call(self, function: str, params: BaseModel, data: str | None) -> Any:
        """Call a function of the module with those of the two that it takes.

        Raises:
            RecipeError: it raised an exception that is none of mlgitops's; it says where.
        """
        given = dict(zip(GIVEN, (params, data), strict=True))
        taken = {name: given[name] for name in self._arguments(function)}
        try:
            with importable(self.folders):
                return getattr(self.module, function)(**taken)
        except MlgitopsError:
            raise
        except (Exception, SystemExit) as error:
            raise RecipeError(f"{self.name}: {self._place(error)}{said(error)}") from error

    def _arguments(self, function: str) -> set[str]:
        taken = inspect.signature(getattr(self.module, function)).parameters.values()
        return {one.name for one in taken if one.name in GIVEN or one.default is one.empty}

    def _model(self) -> type[BaseModel]:
        model: type[BaseModel] = getattr(self.module, "Params", NoParams)
        return model

    def _parsed(self, params: Mapping[str, object]) -> BaseModel:
        model = self._model()
        # A parameter that nobody reads is a typing error, unless the recipe asks for such.
        extra = model.model_config.get("extra")
        return model.model_validate(dict(params), extra="allow" if extra == "allow" else "forbid")

    def _place(self, error: BaseException) -> str:
        """The line of the recipe, or of what lies beside it, that an exception comes from."""
        frames = traceback.extract_tb(error.__traceback__)
        own = [one for one in frames if Path(one.filename).is_relative_to(self.folder)]
        return f"{os.path.relpath(own[-1].filename)}:{own[-1].lineno}: " if own else ""


def said(error: BaseException) -> str:
    """An exception of somebody else's code, on one line."""
    return f"{type(error).__name__}: {one_line(error)}".removesuffix(": ")


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
        listed = f"known are {', '.join(names)}" if names else "the recipe takes none"
        return f"{place}: unknown parameter; {f'did you mean {close[0]!r}?' if close else listed}"
    if details["type"] == "missing":
        return f"{place}: missing; add it"
    if details["type"] == "value_error":
        return f"{place}: {details['ctx']['error']}"
    expected = details["msg"].removeprefix("Input ")
    return f"{place}: {expected}, got {details['input']!r}"
