"""Importing MLflow, scikit-learn and skops without what serving seldom needs.

MLflow 3 imports its packages for generative AI and for its gateway, and FastAPI with them, whatever
it is imported for: with a small model a fifth of the processor time until a server is ready, and 9
MiB of 182. scikit-learn imports scipy's statistics, integrals and splines, which take another
fifth; predictions need them in a few estimators. Here they are imported when something asks for
them. importlib.util.LazyLoader cannot do that: MLflow tries to import from mlflow.genai while it is
half imported itself and goes on without. The loader then keeps the module that failed, empty.

skops imports all of scikit-learn to list the types that it trusts, which takes a third. Here it
takes the lists that the build of the image wrote down.
"""

from __future__ import annotations

import importlib
import json
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_SELDOM = ("mlflow.gateway", "mlflow.genai")
# with what scikit-learn's modules take of them by name, to be used later
_SELDOM_OF_SCIPY = {
    "scipy.integrate": frozenset({"trapezoid"}),
    "scipy.interpolate": frozenset({"BSpline"}),
    "scipy.stats": frozenset({"chi2", "gmean", "rankdata", "spearmanr"}),
}
TRUSTED = Path(sys.prefix) / "skops-trusted.json"  # of image/prepare.py
_LISTS = "skops.io._trusted_types"
# they import all that imports those, but for scikit-learn's rarest
_SKLEARN = ("sklearn.linear_model", "sklearn.impute", "sklearn.ensemble")


class _Later(ModuleType):
    """Stands for a module until something is asked of it.

    Args:
        named: stand for something themselves until they are used.
    """

    def __init__(self, name: str, named: frozenset[str] = frozenset()) -> None:
        super().__init__(name)
        self._named = named

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # whoever lists modules asks for these
            raise AttributeError(name)
        if name in self._named:
            return _Name(self.__name__, name)
        _take_out(self)
        return getattr(importlib.import_module(self.__name__), name)


class _Name:
    """Stands for a function or an object of a module until it is called or asked."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def __call__(self, *values: Any, **named: Any) -> Any:
        return self._found()(*values, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found(), name)

    def _found(self) -> Any:
        return getattr(importlib.import_module(self._module), self._name)


def import_mlflow() -> None:
    """Import MLflow; `mlflow.genai` and its like are there as ever, loaded at their first use."""
    try:
        with _put_in(*map(_Later, _SELDOM)):
            importlib.import_module("mlflow")
    except ImportError:  # a version that cannot do without them
        _forget("mlflow")
        importlib.import_module("mlflow")


def import_sklearn() -> None:
    """Import scikit-learn; `scipy.stats` and its like are loaded at their first use.

    Whoever else imports them gets them at once. Modules of versions that cannot do without them
    are left to the model to import.
    """
    with suppress(Exception), _put_in(*_of_scipy()):
        for name in _SKLEARN:
            importlib.import_module(name)


def _of_scipy() -> list[_Later]:
    return [_Later(*x) for x in _SELDOM_OF_SCIPY.items() if x[0] not in sys.modules]


def import_skops(listed: Path = TRUSTED) -> bool:
    """Import skops with the lists of what it trusts that a file has.

    Returns:
        Whether it is imported so. Another version of skops may ask for more, or there is no file:
        then it is left to others to import.
    """
    lists = ModuleType(_LISTS)
    try:
        vars(lists).update(json.loads(listed.read_text(encoding="utf-8")))
        sys.modules[_LISTS] = lists
        with _put_in(*_of_scipy()):
            importlib.import_module("skops.io")
    except Exception:  # noqa: BLE001 - also what a version does with stand-ins
        forget_skops()
        return False
    return True


def forget_skops() -> None:
    """Let the next import of skops make its own lists."""
    _forget("skops")


@contextmanager
def _put_in(*modules: _Later) -> Iterator[None]:
    """Let imports of their names find these until the block ends."""
    sys.modules.update({module.__name__: module for module in modules})
    try:
        yield
    finally:
        for module in modules:
            _take_out(module)


def _take_out(module: ModuleType) -> None:
    """Let the next import of its name find the real one."""
    if sys.modules.get(module.__name__) is module:
        del sys.modules[module.__name__]


def _forget(package: str) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]
