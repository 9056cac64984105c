"""What training gives back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A run that ended well.

    Attributes:
        run_id: the run.
        model_uri: the logged model, `models:/m-…`.
        metrics: the recipe's test metrics by name; a subset of what the run holds.
    """

    run_id: str
    model_uri: str
    metrics: dict[str, float]
