"""Predictions of a model in a process of its own, and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.errors import IsolatedError, ScoringError
from mlgitops.review import answers, scorer
from mlgitops.system import isolated

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from mlgitops.review.answers import Scored
    from mlgitops.review.scorer import Example

TIMEOUT = 300.0  # seconds for loading and all predictions
_PRELOADED = ("mlflow.pyfunc", "mlflow.sklearn", "skops.io", "pyarrow.pandas_compat")


def score(folder: Path, given: pd.DataFrame | Example, *, timeout: float = TIMEOUT) -> Scored:
    """Load the model in a folder and let it predict.

    Args:
        folder: a model of MLflow's.
        given: features of shape (rows, columns), or an example that is no table.
        timeout: seconds.

    Raises:
        ScoringError: it could not be loaded or did not answer for each row.
    """
    try:
        said = tuple(
            isolated.call(
                scorer.measured,
                str(folder),
                given,
                timeout=timeout,
                readable=[folder],
                preload=_PRELOADED,
            )
        )
    except IsolatedError as error:
        raise ScoringError(str(error)) from error
    return answers.read(said, len(given))


def warm_up() -> None:
    """Begin to import what predictions need, elsewhere and without waiting for it."""
    isolated.warm_up(_PRELOADED)


def not_apart() -> str:
    """Why models are loaded with this user's rights here; empty if they are not."""
    return isolated.denied(_PRELOADED)
