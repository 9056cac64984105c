"""Train a recipe and register what came out: what `mlgitops train` and notebooks call.

Everything goes to where `mlflow.set_tracking_uri` or `MLFLOW_TRACKING_URI` points: a database or
a server, with its artifacts beside it or behind it. Importing this module is light; MLflow and
scikit-learn are imported when something is trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.core.version import RECIPE_TAG
from mlgitops.recipes.recipe import Recipe, canonical, load
from mlgitops.recipes.trained import Trained

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Recipe", "Trained", "canonical", "load", "register", "run"]


def run(
    recipe: str,
    *,
    params: Mapping[str, object],
    data: str | None,
    experiment: str,
    tags: Mapping[str, str] | None = None,
) -> Trained:
    """Train a recipe in a run of its own. Nothing is registered or promoted.

    Args:
        recipe: the recipe's name.
        params: its parameters, as models.yaml holds them.
        data: a path or an address of its data; None for its default.
        experiment: the MLflow experiment, which is made if there is none.
        tags: more tags for the run; they win over those that are set anyway, of which
            `mlgitops.recipe` holds the recipe as `canonical` gives it.

    Raises:
        RecipeError: there is no such recipe, or a parameter is wrong.
        TrainingDataError: the data do not have the shape that the recipe needs.
        RegistryError: MLflow could not be used.
    """
    task = load(recipe).prepare(params, data)
    from mlgitops.recipes import tracking

    return tracking.record(
        task,
        experiment=experiment,
        run_name=f"{recipe} {task.kind}",
        tags={RECIPE_TAG: canonical(recipe, params), **(tags or {})},
    )


def register(trained: Trained, name: str, *, tags: Mapping[str, str] | None = None) -> int:
    """Register a trained model as a new version of `name` and wait until it is READY.

    Args:
        trained: what `run` returned.
        name: the registered model, which is made if there is none.
        tags: tags for the version, besides the run's `mlgitops.…` tags.

    Returns:
        The version's number. Neither alias nor stage is set.

    Raises:
        RegistryError: MLflow could not be used, or the version did not become READY.
    """
    from mlgitops.recipes import tracking

    return tracking.register(trained, name, tags or {})
