"""Train a recipe and register what came out: what `mlgitops train` and notebooks call.

Everything goes to where `mlflow.set_tracking_uri` or `MLFLOW_TRACKING_URI` points: a database or
a server, with its artifacts beside it or behind it. Importing this module is light; MLflow and
scikit-learn are imported when something is trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.core.version import RECIPE_TAG
from mlgitops.recipes.package import RecipePackage
from mlgitops.recipes.recipe import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.recipes.data import Holdout
    from mlgitops.recipes.recipe import RecipeModule
    from mlgitops.recipes.tracking import TrainedRun, Training


def run(
    recipe: str,
    *,
    params: Mapping[str, object],
    data: str | None,
    experiment: str,
    tags: Mapping[str, str] | None = None,
    package: RecipePackage | None = None,
) -> TrainedRun:
    """Train a recipe in a run of its own. Nothing is registered or promoted.

    Args:
        recipe: the recipe's name.
        params: its parameters, as models.yaml holds them.
        data: a path or an address of its data; None for its default.
        experiment: the MLflow experiment, which is made if there is none.
        tags: more tags for the run; they win over those that are set anyway, of which
            `mlgitops.recipe` holds the recipe as `canonical` gives it.
        package: where the recipe is found; None for the default package.

    Raises:
        RecipeError: there is no such recipe, a parameter is wrong, or it does not train a model.
        TrainingDataError: the data do not have the shape that the recipe needs.
        RegistryError: MLflow could not be used.
    """
    training = prepare((package or RecipePackage()).load(recipe), params, data)
    from mlgitops.recipes import tracking

    stated = {RECIPE_TAG: canonical(recipe, params), **(tags or {})}
    return tracking.record(training, experiment=experiment, tags=stated)


def prepare(recipe: RecipeModule, params: Mapping[str, object], data: str | None) -> Training:
    """Everything that can be wrong, found before anything is trained or recorded.

    Raises:
        RecipeError: a parameter is wrong, or the recipe reads no data and some are named.
        TrainingDataError: the data do not have the shape that the recipe needs.
    """
    parsed, place = recipe.parse(params), recipe.data(data)
    if recipe.has("prepare"):
        from mlgitops.recipes.sklearn.training import SklearnTraining
        from mlgitops.recipes.sklearn.training import prepare as prepared

        task = prepared(recipe, parsed, place)
        return SklearnTraining(recipe=recipe.name, task=task, folder=recipe.folder)
    from mlgitops.recipes.plain import PlainTraining, holdout

    held_out = holdout(recipe, parsed, place)
    return PlainTraining(recipe=recipe, params=parsed, data=place, held_out=held_out)


def held_out(recipe: RecipeModule, params: Mapping[str, object]) -> Holdout | None:
    """The examples that a recipe keeps from training, of its default data; None if it keeps none.

    Raises:
        RecipeError: a parameter is wrong, or the recipe fails.
        TrainingDataError: the data do not have the shape that the recipe needs.
    """
    return prepare(recipe, params, None).held_out


def register(trained: TrainedRun, name: str, *, tags: Mapping[str, str] | None = None) -> int:
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
