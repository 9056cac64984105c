"""Importing MLflow without what serving seldom needs.

MLflow 3 imports its packages for generative AI and for its gateway, and FastAPI with them, whatever
it is imported for: with a small model that is a sixth of the time until a server is ready, and ten
megabytes. Here they are imported when something asks for them.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

SELDOM = ("mlflow.gateway", "mlflow.genai")


class _Later(ModuleType):
    """Stands for a module until something is asked of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # whoever lists modules asks for these
            raise AttributeError(name)
        _take_out(self)
        return getattr(importlib.import_module(self.__name__), name)


def import_mlflow(seldom: tuple[str, ...] = SELDOM) -> None:
    """Import MLflow; `mlflow.genai` and its like are there as ever, and loaded at their first use.

    Args:
        seldom: the modules that are to wait.
    """
    waiting = [_Later(name) for name in seldom]
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
