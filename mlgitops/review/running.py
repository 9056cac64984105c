"""A version's code, run in a process of its own, where the packages are that it asks for."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlgitops.errors import (
    IsolatedError,
    PayloadError,
    RequirementsError,
    ResolveError,
    ScoringError,
)
from mlgitops.registry import payload, required
from mlgitops.review import environments
from mlgitops.system import isolated
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from mlgitops.core.requirements import Requirements
    from mlgitops.review.environments import Environments

    Said = tuple[Any, ...]

PRELOADED = (
    *("mlflow.pyfunc", "mlflow.sklearn", "sklearn.ensemble", "skops.io"),
    "pyarrow.pandas_compat",
)
_NO_PACKAGE = ("ModuleNotFoundError", "ImportError")


def run(
    folder: Path,
    function: Callable[..., Iterable[object]],
    *arguments: object,
    own: Environments | None,
    timeout: float,
) -> tuple[Said, str]:
    """What `function(folder, *arguments)` yields, and in which environment, in words.

    If what the model in the folder requires is not what is installed here, that is its own.

    Args:
        folder: a model of MLflow's.
        function: what loads it and yields JSON; at the top level of a module.
        arguments: as `isolated.call` takes them.
        own: what makes environments; None to use this process's packages in any case.
        timeout: seconds, without those that making an environment takes.

    Raises:
        ScoringError: it failed, or its environment cannot be had.
    """
    call = _Call(folder, function, arguments, timeout)
    asked = _asked(folder)
    lacks = environments.unmet(asked.requirements) if asked.requirements else ()
    if own and lacks:
        return _elsewhere(call, asked, own, environments.listed(lacks))
    try:
        said = call.said(None)
    except IsolatedError as error:
        if own and asked.requirements and str(error).startswith(_NO_PACKAGE):
            return _elsewhere(call, asked, own, one_line(error))
        raise ScoringError(_failed(error, asked, lacks)) from error
    return said, f"this one: {environments.listed(lacks)}" if lacks else ""


@dataclass(frozen=True, slots=True)
class _Call:
    """What is run, wherever that is."""

    folder: Path
    function: Callable[..., Iterable[object]]
    arguments: tuple[object, ...]
    timeout: float

    def said(self, elsewhere: isolated.Elsewhere | None) -> Said:
        return tuple(
            isolated.call(
                self.function,
                str(self.folder),
                *self.arguments,
                timeout=self.timeout,
                readable=[self.folder],
                preload=PRELOADED,
                elsewhere=elsewhere,
            )
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What a version asks for: packages, None if nobody can say; Python, empty if it does not."""

    requirements: Requirements | None
    python: str


def _asked(folder: Path) -> _Asked:
    try:
        found = required.of_folder(folder, folder.name)
    except RequirementsError:  # what is not asked for by its name cannot be had
        found = None
    try:
        flavours = payload.of_folder(folder)["flavors"]
        python = str((flavours.get("python_function") or {}).get("python_version") or "")
    except (PayloadError, AttributeError, TypeError, KeyError):
        python = ""
    return _Asked(requirements=found, python=python)


def _elsewhere(call: _Call, asked: _Asked, own: Environments, reason: str) -> tuple[Said, str]:
    assert asked.requirements is not None
    try:
        made = own.of(asked.requirements, asked.python, call.folder)
    except ResolveError as error:
        said = f"it needs packages of its own ({reason}), which cannot be had"
        raise ScoringError(f"{said}: {environments.why(error)}") from error
    told = made.told(asked.python)
    try:
        return call.said(made.elsewhere), told
    except IsolatedError as error:
        raise ScoringError(f"{error} (environment {told})") from error


def _failed(error: IsolatedError, asked: _Asked, lacks: tuple[str, ...]) -> str:
    """Why it did not answer here, with what differs from where it was made."""
    here = platform.python_version()
    other = environments.differ(asked.python, here)
    beside = [f"it was logged with Python {asked.python}, this is {here}"] if other else []
    beside += [f"packages of this environment: {environments.listed(lacks)}"] if lacks else []
    return f"{error} ({'; '.join(beside)})" if beside else str(error)
