"""A team's own modules: where they are looked for, and how they are imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from contextlib import contextmanager, suppress
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec


def folders_of(file: Path) -> tuple[str, ...]:
    """Where modules are looked for before what is installed: beside `file`, then here."""
    here = Path.cwd()
    return tuple(dict.fromkeys((str((here / file).parent), str(here))))


@contextmanager
def importable(folders: tuple[str, ...]) -> Iterator[None]:
    """What lies in these folders can be imported, before what is installed."""
    sys.path[:0] = folders
    importlib.invalidate_caches()  # a module may have been written a moment ago
    try:
        yield
    finally:
        for folder in folders:
            with suppress(ValueError):  # the module may have removed it itself
                sys.path.remove(folder)


def forget(package: str) -> None:
    """Have a package imported anew, for example because another folder's has its name.

    What was made of its modules stays as it is; only the next import is another one.
    """
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]:
        del sys.modules[name]


def find(name: str, folders: tuple[str, ...]) -> ModuleSpec | None:
    """Where Python finds a dotted module; in the folders nothing is imported to know it."""
    importlib.invalidate_caches()
    for folder in folders:
        if spec := _find_in(name, [folder]):
            return spec
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):  # without its parent, or without a specification
        return None


def _find_in(name: str, path: list[str]) -> ModuleSpec | None:
    # by the last part of each name: for dotted ones PathFinder wants parents to be imported
    *parents, last = name.split(".")
    for part in parents:
        parent = PathFinder.find_spec(part, path)
        if parent is None or parent.submodule_search_locations is None:
            return None
        path = list(parent.submodule_search_locations)
    return PathFinder.find_spec(last, path)
