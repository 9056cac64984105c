"""Predictions of a model in a process of its own, and what they cost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlgitops.review import answers, running, scorer
from mlgitops.system import isolated

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from mlgitops.review.answers import Scored
    from mlgitops.review.environments import Environments
    from mlgitops.review.scorer import Example

TIMEOUT = 300.0  # seconds for loading and all predictions


def score(
    folder: Path,
    given: pd.DataFrame | Example,
    *,
    own: Environments | None = None,
    timeout: float = TIMEOUT,
) -> Scored:
    """Load the model in a folder and let it predict.

    If what it requires is not what is installed here, it runs in an environment of its own.

    Args:
        folder: a model of MLflow's.
        given: features of shape (rows, columns), or an example that is no table.
        own: what makes environments; None to use this process's packages in any case.
        timeout: seconds, without those that making an environment takes.

    Raises:
        ScoringError: it could not be loaded or did not answer for each row, or its environment
            cannot be had.
    """
    said, environment = running.run(folder, scorer.measured, given, own=own, timeout=timeout)
    found = answers.read(said, len(given))
    return replace(found, cost=replace(found.cost, environment=environment))


def warm_up() -> None:
    """Begin to import what predictions need, elsewhere and without waiting for it."""
    isolated.warm_up(running.PRELOADED)


def not_apart() -> str:
    """Why models are loaded with this user's rights here; empty if they are not."""
    return isolated.denied(running.PRELOADED)
