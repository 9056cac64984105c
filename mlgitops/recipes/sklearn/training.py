"""The form of recipes of scikit-learn: fit a task, and log it in a format that runs no code."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import mlflow
import mlflow.sklearn
from mlflow.models import infer_signature

from mlgitops.errors import RecipeError
from mlgitops.recipes import data as recorded
from mlgitops.recipes import tracking
from mlgitops.recipes.data import Holdout
from mlgitops.recipes.sklearn.serialization import trusted_types
from mlgitops.recipes.sklearn.task import Task
from mlgitops.registry.failures import translated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlflow.models.model import ModelInfo
    from pydantic import BaseModel

    from mlgitops.recipes.recipe import RecipeModule
    from mlgitops.recipes.sklearn.task import Estimator

MODEL = "model"
EXAMPLE_ROWS = 3
# All that loading and serving need, at the versions that trained. Left to itself MLflow starts a
# process that loads the model and watches its imports: 9 s instead of under 1 s, and the list
# then names whatever else happened to be imported, such as pytest.
REQUIREMENTS = ("mlflow", "numpy", "pandas", "scikit-learn", "skops")


def prepare(recipe: RecipeModule, params: BaseModel, data: str | None) -> Task[Estimator]:
    """What a recipe's `prepare` makes.

    Raises:
        RecipeError: it is no task.
    """
    task = recipe.call("prepare", params, data)
    if not isinstance(task, Task):
        raise RecipeError(f"{recipe.name}: prepare must return a Task, not {type(task).__name__}")
    return task


@dataclass(frozen=True, kw_only=True, slots=True)
class SklearnTraining:
    """One run of a task: a `mlgitops.recipes.tracking.Training`."""

    recipe: str
    task: Task[Estimator]
    folder: Path

    @property
    def title(self) -> str:
        """The recipe's name and the kind of estimator."""
        return f"{self.recipe} {self.task.kind}"

    @property
    def tags(self) -> Mapping[str, str]:
        """What the task says of its data."""
        return self.task.dataset.tags

    @property
    def held_out(self) -> Holdout:
        """The task's test examples."""
        return Holdout(examples=self.task.test, dataset=self.task.dataset)

    @property
    def learnt_from(self) -> Holdout:
        """The task's training examples."""
        return Holdout(examples=self.task.train, dataset=self.task.dataset)

    def run(self) -> ModelInfo:
        """Fit, measure and log the model."""
        task = self.task
        with tracking.autologged(datasets=False):
            task.fit()
        metrics = task.metrics()
        trusted = trusted_types(task.kind, task.estimator)
        code = tracking.code_tags(self.folder)
        with translated(mlflow.get_tracking_uri(), mlflow.get_artifact_uri()):
            mlflow.log_params({"estimator": task.kind, **task.settings})
            recorded.log(task.train, task.dataset, "train", code)
            recorded.log(task.test, task.dataset, "test", code)
            info = _log_model(task, trusted)
            mlflow.log_metrics(metrics, model_id=info.model_id)
        return info


def _log_model(task: Task[Estimator], trusted: list[str]) -> ModelInfo:
    example = task.train.features.head(EXAMPLE_ROWS).reset_index(drop=True)
    info: ModelInfo = mlflow.sklearn.log_model(
        task.estimator,
        name=MODEL,
        signature=infer_signature(example, task.estimator.predict(example)),
        input_example=example,
        pip_requirements=[f"{package}=={version(package)}" for package in REQUIREMENTS],
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=trusted,
    )
    return info
