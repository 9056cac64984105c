"""The files that models name: the code of recipes and gates, and held-out rows.

Of code, it is the whole package: which of its modules another one imports is not known.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mlgitops.gates.python import PythonGate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlgitops.core.desired import Desired, DesiredModel
    from mlgitops.history.paths import Place


@dataclass(frozen=True, slots=True)
class Named:
    """Files and folders, from the top of the work tree, each with the models that name it."""

    of: Mapping[str, frozenset[str]]

    def has(self, path: str) -> bool:
        """Whether a file is one of them, or in one of them."""
        return any(one in self.of for one in _with_folders(path))

    def models(self, changed: Iterable[str]) -> frozenset[str]:
        """The models that name some of these files."""
        places = {place for path in changed for place in _with_folders(path)}
        return frozenset().union(*(self.of[one] for one in places & self.of.keys()))


def named(desired: Desired, place: Place) -> Named:
    """What the models of a models.yaml name; the package of recipes also where no model has one.

    Args:
        desired: what the file says.
        place: where the file is.
    """
    top, folder = f"{place.top}{os.sep}", (place.top / place.path).parent
    found: dict[str, set[str]] = {one: set() for one in _code(desired.recipes, desired.folders)}
    for model in desired.models.values():
        for module in _modules(desired, model):
            for one in _code(module, desired.folders):
                found.setdefault(one, set()).add(model.name)
        if model.evaluation and "://" not in model.evaluation.data:
            data = os.path.normpath(folder / model.evaluation.data)
            found.setdefault(data, set()).add(model.name)
    return Named(
        {
            path.removeprefix(top): frozenset(models)
            for path, models in found.items()
            if path.startswith(top)
        }
    )


def gates_of(model: DesiredModel) -> Iterator[PythonGate]:
    """The gates of a team's own that a model has."""
    for gates in model.gates.values():
        yield from (gate for gate in gates if isinstance(gate, PythonGate))


def _modules(desired: Desired, model: DesiredModel) -> Iterator[str]:
    yield from (gate.module for gate in gates_of(model))
    if model.versions:
        yield desired.recipes


@cache
def _code(module: str, folders: tuple[str, ...]) -> tuple[str, ...]:
    """Where the package of a module may be, or the module itself."""
    places = (Path(folder).resolve() / module.partition(".")[0] for folder in folders)
    return tuple(str(one) for place in places for one in (place, place.with_suffix(".py")))


def _with_folders(path: str) -> Iterator[str]:
    yield path
    yield from map(str, PurePosixPath(path).parents)
