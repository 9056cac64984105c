"""Importing MLflow without what serving seldom needs.

MLflow 3 imports its packages for generative AI and for its gateway, and FastAPI with them, whatever
it is imported for: with a small model a fifth of the processor time until a server is ready, and 9
MiB of 182. Here they are imported when something asks for them. importlib.util.LazyLoader cannot do
that: MLflow tries to import from mlflow.genai while it is half imported itself and goes on without.
The loader then keeps the module that failed, empty.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_SELDOM = ("mlflow.gateway", "mlflow.genai")


class _Later(ModuleType):
    """Stands for a module until something is asked of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # whoever lists modules asks for these
            raise AttributeError(name)
        _take_out(self)
        return getattr(importlib.import_module(self.__name__), name)


def import_mlflow() -> None:
    """Import MLflow; `mlflow.genai` and its like are there as ever, loaded at their first use."""
    waiting = [_Later(name) for name in _SELDOM]
    sys.modules.update({module.__name__: module for module in waiting})
    try:
        importlib.import_module("mlflow")
    except ImportError:  # a version that cannot do without them
        for name in [name for name in sys.modules if name.split(".")[0] == "mlflow"]:
            del sys.modules[name]
        importlib.import_module("mlflow")
    for module in waiting:
        _take_out(module)


def _take_out(module: ModuleType) -> None:
    """Let the next import of its name find the real one."""
    if sys.modules.get(module.__name__) is module:
        del sys.modules[module.__name__]
