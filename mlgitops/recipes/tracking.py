"""What a training run leaves in MLflow: one run, its data, its metrics and one logged model."""

from __future__ import annotations

import subprocess
import sys
import warnings
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import mlflow.sklearn
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.dataset_source_registry import resolve_dataset_source
from mlflow.data.pandas_dataset import from_pandas
from mlflow.models import infer_signature
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_SOURCE_NAME

from mlgitops.errors import RegistryError
from mlgitops.recipes.sklearn.serialization import trusted_types
from mlgitops.recipes.trained import Trained
from mlgitops.registry.failures import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    from mlflow.data.dataset_source import DatasetSource
    from mlflow.models.model import ModelInfo

    from mlgitops.recipes.sklearn.task import Dataset, Estimator, Examples, Task

MODEL = "model"
TAG_PREFIX = "mlgitops."
EXAMPLE_ROWS = 3
# All that loading and serving need, at the versions that trained. Left to itself MLflow starts a
# process that loads the model and watches its imports: 9 s instead of under 1 s, and the list
# then names whatever else happened to be imported, such as pytest.
REQUIREMENTS = ("mlflow", "numpy", "pandas", "scikit-learn", "skops")
READY = "READY"
READY_SECONDS = 300


def record(
    task: Task[Estimator], *, experiment: str, run_name: str, tags: Mapping[str, str]
) -> Trained:
    """Fit a task's estimator in a run of its own.

    The run is made at `mlflow.get_tracking_uri()`. It is marked failed if anything goes wrong.

    Raises:
        RecipeError: the estimator holds a type that a logged model may not hold.
        RegistryError: MLflow could not be used.
    """
    uri = mlflow.get_tracking_uri()
    with translated(uri):
        where = mlflow.set_experiment(experiment).experiment_id
        active = mlflow.start_run(
            experiment_id=where,
            run_name=run_name,
            tags={**_git_commit(), **task.dataset.tags, **tags},
        )
    # At the end of a run on a server MLflow prints a link. Standard output is the caller's, who
    # may be printing JSON.
    with redirect_stdout(sys.stderr), active as run:
        with _autologged():
            metrics = task.fit()
        trusted = trusted_types(task.kind, task.estimator)
        with translated(uri):
            mlflow.log_params({"estimator": task.kind, **task.settings})
            _log_data(task)
            info = _log_model(task, trusted)
            mlflow.log_metrics(metrics, model_id=info.model_id)
        return Trained(run_id=run.info.run_id, model_uri=info.model_uri, metrics=metrics)


def register(trained: Trained, name: str, tags: Mapping[str, str]) -> int:
    """Register a logged model and wait until it is READY.

    The version gets the run's `mlgitops.…` tags (recipe, data) and `tags`. Nothing is promoted:
    neither alias nor stage is set.

    Returns:
        The version's number.

    Raises:
        RegistryError: MLflow could not be used, or the version did not become READY in time.
    """
    with translated(mlflow.get_tracking_uri()):
        client = mlflow.MlflowClient()
        own = client.get_run(trained.run_id).data.tags
        inherited = {key: value for key, value in own.items() if key.startswith(TAG_PREFIX)}
        made = mlflow.register_model(
            trained.model_uri,
            name,
            await_registration_for=READY_SECONDS,
            tags={**inherited, **tags},
        )
        status = client.get_model_version(name, made.version).status
    if status != READY:
        message = f"version {made.version} of {name} is {status}, not {READY}; see the server's log"
        raise RegistryError(message)
    return int(made.version)


@contextmanager
def _autologged() -> Iterator[None]:
    """MLflow's autolog, for the hyperparameters and training metrics of whatever is fitted.

    It does not log the model, because its way of doing so takes neither trusted types nor
    requirements, nor the data and the test metrics, which it can not know. It is switched off
    again, so that it does not record what others fit in this process.
    """
    mlflow.sklearn.autolog(
        log_models=False,
        log_datasets=False,
        log_post_training_metrics=False,
        silent=True,
    )
    try:
        yield
    finally:
        mlflow.sklearn.autolog(disable=True, silent=True)


def _log_data(task: Task[Estimator]) -> None:
    source = _source(task.dataset)
    for context, examples in (("train", task.train), ("test", task.test)):
        dataset = from_pandas(
            examples.frame(),
            source=source,
            targets=str(examples.target.name),
            name=task.dataset.name,
        )
        mlflow.log_input(dataset, context=context)


def _source(dataset: Dataset) -> DatasetSource:
    if dataset.source is None:
        return CodeDatasetSource(tags={MLFLOW_SOURCE_NAME: dataset.name, **_git_commit()})
    with warnings.catch_warnings():
        # MLflow registers its source for local files twice, and warns that it can not choose.
        warnings.filterwarnings("ignore", message="The specified dataset source can be interpreted")
        source: DatasetSource = resolve_dataset_source(dataset.source)
    return source


def _log_model(task: Task[Estimator], trusted: list[str]) -> ModelInfo:
    example = _example(task.train)
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


def _example(examples: Examples) -> pd.DataFrame:
    return examples.features.head(EXAMPLE_ROWS).reset_index(drop=True)


def _git_commit() -> dict[str, str]:
    """The tag that names the commit of this package's code; none outside a git work tree."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    return {MLFLOW_GIT_COMMIT: answer.stdout.strip()}
