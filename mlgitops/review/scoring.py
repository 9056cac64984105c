"""Predictions of a model in a process of its own, and what they cost."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlgitops.errors import (
    IsolatedError,
    RequirementsError,
    ResolveError,
    ScoringError,
)
from mlgitops.registry import required
from mlgitops.review import answers, environments, scorer
from mlgitops.system import isolated
from mlgitops.words import one_line

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from mlgitops.core.requirements import Requirements
    from mlgitops.review.answers import Scored
    from mlgitops.review.environments import Environment, Environments
    from mlgitops.review.scorer import Example

TIMEOUT = 300.0  # seconds for loading and all predictions
_PRELOADED = (
    *("mlflow.pyfunc", "mlflow.sklearn", "sklearn.ensemble", "skops.io"),
    "pyarrow.pandas_compat",
)
_NO_PACKAGE = ("ModuleNotFoundError", "ImportError")


def score(
    folder: Path,
    given: pd.DataFrame | Example,
    *,
    python: str = "",
    own: Environments | None = None,
    timeout: float = TIMEOUT,
) -> Scored:
    """Load the model in a folder and let it predict.

    If what it requires is not what is installed here, it runs in an environment of its own.

    Args:
        folder: a model of MLflow's.
        given: features of shape (rows, columns), or an example that is no table.
        python: the version of Python that logged it; empty if it does not say.
        own: what makes environments; None to use this process's packages in any case.
        timeout: seconds, without those that making an environment takes.

    Raises:
        ScoringError: it could not be loaded or did not answer for each row, or its environment
            cannot be had.
    """
    asked = _Asked(requirements=_requirements(folder), python=python)
    lacks = environments.unmet(asked.requirements) if asked.requirements else ()
    if own and lacks:
        return _elsewhere(folder, given, asked, own, environments.listed(lacks), timeout)
    try:
        found = _answered(folder, given, None, timeout)
    except IsolatedError as error:
        if own and asked.requirements and str(error).startswith(_NO_PACKAGE):
            return _elsewhere(folder, given, asked, own, one_line(error), timeout)
        raise ScoringError(_failed(error, asked, lacks)) from error
    return _in(found, f"this one: {environments.listed(lacks)}" if lacks else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What a version asks for: packages, None if nobody can say; Python, empty if it does not."""

    requirements: Requirements | None
    python: str


def _requirements(folder: Path) -> Requirements | None:
    try:
        return required.of_folder(folder, folder.name)
    except RequirementsError:  # what is not asked for by its name cannot be had
        return None


def _elsewhere(
    folder: Path,
    given: pd.DataFrame | Example,
    asked: _Asked,
    own: Environments,
    reason: str,
    timeout: float,
) -> Scored:
    assert asked.requirements is not None
    try:
        made = own.of(asked.requirements, asked.python, folder)
    except ResolveError as error:
        said = f"it needs packages of its own ({reason}), which cannot be had"
        raise ScoringError(f"{said}: {environments.why(error)}") from error
    try:
        found = _answered(folder, given, made, timeout)
    except IsolatedError as error:
        raise ScoringError(f"{error} (environment {made.told(asked.python)})") from error
    return _in(found, made.told(asked.python))


def _failed(error: IsolatedError, asked: _Asked, lacks: tuple[str, ...]) -> str:
    """Why it did not answer here, with what differs from where it was made."""
    here = platform.python_version()
    other = environments.differ(asked.python, here)
    beside = [f"it was logged with Python {asked.python}, this is {here}"] if other else []
    beside += [f"packages of this environment: {environments.listed(lacks)}"] if lacks else []
    return f"{error} ({'; '.join(beside)})" if beside else str(error)


def _in(found: Scored, environment: str) -> Scored:
    return replace(found, cost=replace(found.cost, environment=environment))


def _answered(
    folder: Path, given: pd.DataFrame | Example, made: Environment | None, timeout: float
) -> Scored:
    said = tuple(
        isolated.call(
            scorer.measured,
            str(folder),
            given,
            timeout=timeout,
            readable=[folder],
            preload=_PRELOADED,
            elsewhere=made.elsewhere if made else None,
        )
    )
    return answers.read(said, len(given))


def warm_up() -> None:
    """Begin to import what predictions need, elsewhere and without waiting for it."""
    isolated.warm_up(_PRELOADED)


def not_apart() -> str:
    """Why models are loaded with this user's rights here; empty if they are not."""
    return isolated.denied(_PRELOADED)
