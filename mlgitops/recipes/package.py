"""Recipes by name: modules of the package that models.yaml names, or offered by distributions."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.machinery import PathFinder
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from mlgitops.core.desired import RECIPES
from mlgitops.errors import MissingPackageError, RecipeError
from mlgitops.recipes.recipe import FORMS, RecipeModule, said
from mlgitops.system import modules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from mlgitops.core.desired import Desired

GROUP = "mlgitops.recipes"  # of the entry points by which a distribution offers recipes
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipePackage:
    """Where recipes are found.

    Attributes:
        name: of the package, dotted.
        folders: where it is looked for before what is installed.
    """

    name: str = RECIPES
    folders: tuple[str, ...] = ()

    def load(self, recipe: str) -> RecipeModule:
        """The recipe of that name: a module of the package, else one that a distribution offers.

        Raises:
            RecipeError: there is none, or its module cannot be imported or is no recipe.
            MissingPackageError: its module imports a package that is not installed here.
        """
        with modules.importable(self.folders):
            found = RecipeModule(name=recipe, module=self._import(recipe), folders=self.folders)
        found.check()
        return found

    def names(self) -> tuple[str, ...]:
        """The recipes that can be found, sorted; no module is imported to know them."""
        with modules.importable(self.folders):
            listed = (one.name for one in iter_modules(self._locations()))
            own = (name for name in listed if (file := self._file(name)) and _is_recipe(file))
            offered = (point.name for point in entry_points(group=GROUP))
            return tuple(sorted({*own, *offered}))

    def _import(self, recipe: str) -> ModuleType:
        if _NAME.fullmatch(recipe):
            file = self._file(recipe)
            if file is not None and _is_recipe(file):
                return self._import_own(recipe, file)
            for point in entry_points(group=GROUP, name=recipe):
                return _imported(point.module, recipe)
        raise RecipeError(self._unknown(recipe))

    def _import_own(self, recipe: str, file: Path) -> ModuleType:
        dotted = f"{self.name}.{recipe}"
        package, module = sys.modules.get(self.name), sys.modules.get(dotted)
        # another folder's package of this name may have been imported before
        if (package and str(file.parent) not in package.__path__) or (
            module and module.__file__ != str(file)
        ):
            modules.forget(self.name.partition(".")[0])
        found = _imported(dotted, recipe)
        if found.__file__ != str(file):
            raise RecipeError(
                f"{recipe}: the recipe is in {file}, but Python imports {found.__file__}; add an "
                f"__init__.py to the package {self.name!r}, or give it another name"
            )
        return found

    def _unknown(self, recipe: str) -> str:
        names = self.names()
        close = get_close_matches(recipe, names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        known = f"known: {', '.join(names)}" if names else self._none()
        return f"there is no recipe {recipe!r}{hint} ({known})"

    def _none(self) -> str:
        if self._locations():
            return f"the package {self.name!r} has no recipe"
        return f"there is no package {self.name!r} beside models.yaml, here, or installed"

    def _locations(self) -> list[str]:
        spec = modules.find(self.name, self.folders)
        return list(spec.submodule_search_locations or ()) if spec else []

    def _file(self, recipe: str) -> Path | None:
        """The file of a module of the package."""
        spec = PathFinder.find_spec(recipe, self._locations())
        return Path(spec.origin) if spec and spec.origin else None


def _is_recipe(file: Path) -> bool:
    """Whether a module's source says how to train.

    What cannot be read is taken for one: importing it tells what is wrong.
    """
    try:
        body = ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return True
    return any(bound in FORMS for statement in body for bound in _bound(statement))


def package_of(desired: Desired) -> RecipePackage:
    """The package that a models.yaml names."""
    return RecipePackage(name=desired.recipes, folders=desired.folders)


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement gives a meaning."""
    match statement:
        case ast.FunctionDef():
            yield statement.name
        case ast.Import() | ast.ImportFrom():
            yield from (alias.asname or alias.name for alias in statement.names)
        case ast.Assign():
            yield from (one.id for one in statement.targets if isinstance(one, ast.Name))


def _imported(dotted: str, recipe: str) -> ModuleType:
    try:
        return importlib.import_module(dotted)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in {"", "mlgitops", dotted.partition(".")[0]}:
            raise RecipeError(f"{recipe}: cannot import its module: {error}") from error
        raise MissingPackageError(recipe, missing) from error
    except (Exception, SystemExit) as error:
        raise RecipeError(f"{recipe}: cannot import its module: {said(error)}") from error
