"""Versions that are to be trained, and those that were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors import MlgitopsError, Problem, TrainingFailedError
from mlgitops.words import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlgitops.core.desired import Recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingVersion:
    """A version that has a recipe and that the registry lacks.

    Attributes:
        needed: whether it is to be trained; else it only gets its number.
    """

    model: str
    number: int
    recipe: Recipe
    needed: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A version that was trained and registered, with its test metrics."""

    model: str
    number: int
    run_id: str
    metrics: dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """What was trained, and why the rest was not: one line for each cause."""

    trained: tuple[Trained, ...]
    failures: tuple[str, ...]

    def check(self) -> None:
        """Stop here if something could not be trained.

        Raises:
            TrainingFailedError: naming each cause, with its line of models.yaml.
        """
        if self.failures:
            raise TrainingFailedError("\n".join(self.failures))


def failures(
    failed: MissingVersion, error: MlgitopsError, versions: Sequence[MissingVersion]
) -> Iterator[str]:
    """What is said of a version that could not be trained, and of those of its model after it."""
    where, model = failed.recipe.where, failed.model
    yield str(Problem(where=where, model=model, message=f"version {failed.number}: {error}"))
    if later := [str(one.number) for one in versions if one.number > failed.number]:
        message = f"not trained, because version {failed.number} failed: {listed(later)}"
        yield str(Problem(where=where, model=model, message=message))
