"""Predictions of a model in a process of its own, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlgitops.errors import ScoringError
from mlgitops.review import answers, running, scorer
from mlgitops.system import isolated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from mlgitops.review.answers import Scored
    from mlgitops.review.environments import Environments
    from mlgitops.review.kept import Kept
    from mlgitops.review.running import Place, Said
    from mlgitops.review.scorer import Example
    from mlgitops.system.isolated import Elsewhere

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
    return at(running.place(folder, own), given, timeout=timeout)


@dataclass(frozen=True, slots=True)
class Known:
    """Where the answers of earlier runs are, and those that are looked for.

    Attributes:
        digest: of the payload.
        asked: the digest of what it is asked.
    """

    kept: Kept
    digest: str
    asked: str


def at(
    place: Place,
    given: pd.DataFrame | Example,
    earlier: Known | None = None,
    *,
    timeout: float = TIMEOUT,
) -> Scored:
    """As `score`, where it is known where the model runs.

    Args:
        place: where.
        given: what it is asked.
        earlier: answers of earlier runs; None to ask in any case.
        timeout: seconds.
    """
    call = running.Call(place.folder, scorer.measured, (given,), timeout)

    def known(elsewhere: Elsewhere | None, ask: Callable[[], Said]) -> Said:
        if earlier is None:
            return ask()
        store = earlier.kept.store
        name = earlier.kept.name(earlier.digest, earlier.asked, elsewhere)
        found = store.get(name)
        if isinstance(found, list) and _are_answers(tuple(found), len(given)):
            return tuple(found)
        said = ask()
        if _are_answers(said, len(given)):
            store.put(name, said)
        return said

    said, environment = place.run(call, known)
    found = answers.read(said, len(given))
    return replace(found, cost=replace(found.cost, environment=environment))


def _are_answers(said: Said, rows: int) -> bool:
    try:
        answers.read(said, rows)
    except ScoringError:
        return False
    return True


def not_apart() -> str:
    """Why models are loaded with this user's rights here; empty if they are not."""
    return isolated.denied(())
