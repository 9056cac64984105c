"""A version's code, run in a process of its own, where the packages are that it asks for."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from threading import Lock
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
    from mlgitops.review.environments import Environment, Environments

    Said = tuple[Any, ...]
    Known = Callable[[isolated.Elsewhere | None, Callable[[], Said]], Said]

PRELOADED = (
    *("mlflow.pyfunc", "mlflow.sklearn", "sklearn.ensemble", "skops.io"),
    "pyarrow.pandas_compat",
    # what MLflow imports as it loads a model
    *("mlflow.tracing.processor.otel", "opentelemetry.sdk.metrics"),
    "mlgitops.review.warm",
)
_MAKING = Lock()
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
    return place(folder, own).run(Call(folder, function, arguments, timeout))


@dataclass(frozen=True, slots=True)
class Call:
    """What is run, wherever that is; can be pickled if its arguments can."""

    folder: Path
    function: Callable[..., Iterable[object]]
    arguments: tuple[object, ...]
    timeout: float

    def said(self, elsewhere: isolated.Elsewhere | None) -> Said:
        """What it yields in a process of its own.

        Raises:
            IsolatedError: it failed.
        """
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


def place(folder: Path, own: Environments | None) -> Place:
    """Where the model in a folder runs, as far as its requirements tell; else see `run`.

    Raises:
        ScoringError: its environment cannot be had.
    """
    asked = _asked(folder)
    lacks = environments.unmet(asked.requirements) if asked.requirements else ()
    here = Place(folder=folder, own=own, asked=asked, lacks=lacks)
    return here.elsewhere(environments.listed(lacks)) if own and lacks else here


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a version asks for: packages, None if nobody can say; Python, empty if it does not."""

    requirements: Requirements | None
    python: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a model runs: here, or in an environment that was made for it.

    Attributes:
        lacks: what is not here of what it asks for.
        made: its environment; None for this one.
    """

    folder: Path
    own: Environments | None
    asked: Asked
    lacks: tuple[str, ...]
    made: Environment | None = None

    def run(self, call: Call, known: Known = lambda _, ask: ask()) -> tuple[Said, str]:
        """What a call yields, and in which environment, in words.

        Args:
            call: what is run.
            known: is given where it runs and what asks it, and may know what that says.

        Raises:
            ScoringError: it failed, or the environment that it turns out to need cannot be had.
        """
        elsewhere = self.made.elsewhere if self.made else None
        try:
            said = known(elsewhere, lambda: call.said(elsewhere))
        except IsolatedError as error:
            if self.made:
                raise ScoringError(f"{error} (environment {self._told})") from error
            if self.own and self.asked.requirements and str(error).startswith(_NO_PACKAGE):
                return self.elsewhere(one_line(error)).run(call, known)
            raise ScoringError(_failed(error, self.asked, self.lacks)) from error
        return said, self._told

    def elsewhere(self, reason: str) -> Place:
        """In an environment of its own, for some reason.

        Raises:
            ScoringError: it cannot be had.
        """
        assert self.own is not None
        assert self.asked.requirements is not None
        try:
            with _MAKING:  # one at a time: several may ask for the same, and each says what it does
                made = self.own.of(self.asked.requirements, self.asked.python, self.folder)
        except ResolveError as error:
            said = f"it needs packages of its own ({reason}), which cannot be had"
            raise ScoringError(f"{said}: {environments.why(error)}") from error
        return replace(self, made=made)

    @property
    def _told(self) -> str:
        if self.made:
            return self.made.told(self.asked.python)
        return f"this one: {environments.listed(self.lacks)}" if self.lacks else ""


def _asked(folder: Path) -> Asked:
    try:
        found = required.of_folder(folder, folder.name)
    except RequirementsError:  # what is not asked for by its name cannot be had
        found = None
    try:
        flavours = payload.of_folder(folder)["flavors"]
        python = str((flavours.get("python_function") or {}).get("python_version") or "")
    except (PayloadError, AttributeError, TypeError, KeyError):
        python = ""
    return Asked(requirements=found, python=python)


def _failed(error: IsolatedError, asked: Asked, lacks: tuple[str, ...]) -> str:
    """Why it did not answer here, with what differs from where it was made."""
    here = platform.python_version()
    other = environments.differ(asked.python, here)
    beside = [f"it was logged with Python {asked.python}, this is {here}"] if other else []
    beside += [f"packages of this environment: {environments.listed(lacks)}"] if lacks else []
    return f"{error} ({'; '.join(beside)})" if beside else str(error)
