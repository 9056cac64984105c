"""Tests of `mlgitops.recipes.tracking`: what a run leaves behind, and that models can be served."""

from __future__ import annotations

import json
import subprocess
import warnings
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import mlflow
import numpy as np
import pytest
import requests
import uvicorn
from mlflow.pyfunc import scoring_server
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

import training as repository
from mlgitops.errors import RecipeError
from mlgitops.recipes import tracking
from mlgitops.recipes.package import RecipePackage
from mlgitops.recipes.sklearn import training
from mlgitops.recipes.sklearn.training import SklearnTraining
from mlgitops.system.ports import free_port
from tests.training.windfarm_text import lines, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow.entities import DatasetInput, Run

    from mlgitops.recipes.tracking import TrainedRun

MODELS = [
    ("power_forecasting", "linear", {}),
    ("power_forecasting", "random_forest", {"n_estimators": 5}),
    ("power_forecasting", "extra_trees", {"n_estimators": 5}),
    ("power_forecasting", "gradient_boosting", {"max_iter": 20}),
    ("tumour_diagnosis", "logistic_regression", {}),
    ("tumour_diagnosis", "random_forest", {"n_estimators": 5}),
    ("tumour_diagnosis", "extra_trees", {"n_estimators": 5}),
    ("tumour_diagnosis", "gradient_boosting", {"max_iter": 20}),
]


def recorded(experiment: str, data: str | None = None, **params: object) -> TrainedRun:
    """A recorded run of the power recipe."""
    made = prepared("power_forecasting", {"estimator": "linear", **params}, data)
    return tracking.record(made, experiment=experiment, tags={"mine": "yes"})


def prepared(recipe: str, params: Mapping[str, object], data: str | None = None) -> SklearnTraining:
    """A run of a recipe of scikit-learn that is yet to begin."""
    made = tracking.prepare(RecipePackage().load(recipe), params, data)
    assert isinstance(made, SklearnTraining)
    return made


def run_of(trained: TrainedRun) -> Run:
    """The run as the store has it."""
    return mlflow.MlflowClient().get_run(trained.run_id)


def datasets(trained: TrainedRun) -> list[DatasetInput]:
    """The data that the store has for a run."""
    inputs = run_of(trained).inputs
    assert inputs is not None
    return list(inputs.dataset_inputs)


def artifact(model: str, name: str) -> str:
    """The text of one file of a logged model."""
    return Path(mlflow.artifacts.download_artifacts(model), name).read_text(encoding="utf-8")


def experiment_id(name: str) -> str:
    """The id of an experiment."""
    experiment = mlflow.get_experiment_by_name(name)
    assert experiment is not None
    return str(experiment.experiment_id)


@pytest.fixture
def serve() -> Iterator[type[Served]]:
    """Serve models with MLflow's own scoring server, in this process."""
    yield Served
    Served.stop()


class Served:
    """MLflow's scoring server in a thread."""

    running: list[tuple[uvicorn.Server, Thread]] = []  # noqa: RUF012 - emptied by stop

    @classmethod
    def start(cls, uri: str) -> str:
        """Serve a model; the address for predictions."""
        port = free_port()
        app = scoring_server.init(mlflow.pyfunc.load_model(uri))
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
        thread = Thread(target=server.run)
        thread.start()
        cls.running.append((server, thread))
        while not server.started:
            thread.join(0.01)
        return f"http://127.0.0.1:{port}/invocations"

    @classmethod
    def stop(cls) -> None:
        """End all servers."""
        for server, thread in cls.running:
            server.should_exit = True
            thread.join()
        cls.running.clear()


@pytest.mark.parametrize(("recipe", "estimator", "small"), MODELS)
def test_every_estimator_is_logged_loaded_and_served(
    experiment: str, serve: type[Served], recipe: str, estimator: str, small: dict[str, object]
) -> None:
    """Both flavours and the scoring server give the predictions of the trained estimator."""
    made = prepared(recipe, {"estimator": estimator, **small})
    trained, task = tracking.record(made, experiment=experiment, tags={}), made.task
    rows = task.test.features.head(5).reset_index(drop=True)
    expected = task.estimator.predict(rows)
    sklearn_model = mlflow.sklearn.load_model(trained.model_uri)
    np.testing.assert_array_equal(expected, sklearn_model.predict(rows))
    answer = requests.post(
        serve.start(trained.model_uri),
        json={"dataframe_split": rows.to_dict(orient="split", index=False)},
        timeout=30,
    )
    np.testing.assert_array_equal(expected, answer.json()["predictions"])


def test_the_model_is_in_the_skops_format_with_its_list(experiment: str) -> None:
    """Never a pickle; the types that it may hold are written beside it."""
    trained = recorded(experiment, estimator="gradient_boosting", max_iter=5)
    flavour = mlflow.models.get_model_info(trained.model_uri).flavors["sklearn"]
    assert flavour["serialization_format"] == "skops"
    assert flavour["skops_trusted_types"] == [
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
    ]


def test_the_signature_names_every_column_as_double(experiment: str) -> None:
    """So that whole numbers and fractions are both accepted; an example shows the form."""
    columns = ["wind_speed_00", "wind_speed_08"]
    info = mlflow.models.get_model_info(recorded(experiment, features=columns).model_uri)
    assert info.signature is not None
    inputs = info.signature.inputs.to_dict()
    assert [(name, "double") for name in columns] == [(one["name"], one["type"]) for one in inputs]
    example = json.loads(artifact(info.model_uri, "input_example.json"))
    assert example["columns"] == columns
    assert len(example["data"]) == training.EXAMPLE_ROWS


def test_requirements_are_pinned_and_no_more_than_serving_needs(experiment: str) -> None:
    """What happens to be imported while training, such as pytest, is not among them."""
    trained = recorded(experiment)
    pinned = [one.split("==") for one in artifact(trained.model_uri, "requirements.txt").split()]
    assert sorted(name for name, _ in pinned) == sorted(training.REQUIREMENTS)


def test_a_run_holds_metrics_parameters_and_tags(experiment: str) -> None:
    """Test metrics from the recipe, training metrics and hyperparameters from autolog."""
    trained = recorded(experiment, estimator="gradient_boosting", max_iter=5, seed=3)
    run = run_of(trained)
    assert run.info.status == "FINISHED"
    assert trained.metrics.items() <= run.data.metrics.items()
    assert "training_r2_score" in run.data.metrics
    expected = {
        "estimator": "gradient_boosting",
        "max_iter": "5",
        "random_state": "3",
        "train_until": "2018-12-31",
        "test_from": "2019-01-01",
    }
    assert expected.items() <= run.data.params.items()
    tags = {"mine": "yes", "mlgitops.data.synthetic": "true", "mlgitops.data.missing_days": "0"}
    assert tags.items() <= run.data.tags.items()


def test_the_test_metrics_are_linked_to_the_logged_model(experiment: str) -> None:
    """A model that is found by itself shows how good it is."""
    trained = recorded(experiment)
    logged = mlflow.get_logged_model(trained.model_uri.removeprefix("models:/"))
    linked = {one.key: one.value for one in logged.metrics or []}
    assert trained.metrics.items() <= linked.items()


def test_training_and_test_data_are_logged(experiment: str) -> None:
    """Name, digest and context of both; synthetic data say so, and where they come from."""
    inputs = datasets(recorded(experiment))
    assert sorted(one.tags[0].value for one in inputs) == ["test", "train"]
    assert {one.dataset.name for one in inputs} == {"windfarm-synthetic"}
    assert len({one.dataset.digest for one in inputs}) == 2
    assert {one.dataset.source_type for one in inputs} == {"code"}


def test_the_digest_of_the_data_is_the_same_for_the_same_data(experiment: str) -> None:
    """Two versions that saw the same days can be told to have."""
    first, second = (
        {one.dataset.digest for one in datasets(recorded(experiment))} for _ in range(2)
    )
    assert first == second


def test_a_file_is_logged_as_source_without_warning(experiment: str, tmp_path: Path) -> None:
    """And the run is not called synthetic."""
    file = tmp_path / "windfarm.csv"
    file.write_text(text(lines(80)))
    dates = {"train_until": "2014-01-31", "test_from": "2014-02-01"}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*dataset source.*")
        trained = recorded(experiment, data=str(file), **dates)
    sources = [json.loads(one.dataset.source) for one in datasets(trained)]
    assert sources == [{"uri": str(file)}] * 2
    assert run_of(trained).data.tags["mlgitops.data.synthetic"] == "false"


def test_the_commit_is_recorded_where_there_is_one(experiment: str) -> None:
    """It is that of the code that trained, wherever the command runs."""
    known = subprocess.run(
        ["git", "rev-parse", "--verify", "HEAD"],
        cwd=Path(str(repository.__file__)).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if known.returncode:
        pytest.skip("the code is not in a git work tree with a commit")
    assert (
        run_of(recorded(experiment)).data.tags["mlflow.source.git.commit"] == known.stdout.strip()
    )


def test_git_is_not_needed(experiment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none, the run is made all the same."""
    monkeypatch.setenv("PATH", "")
    assert run_of(recorded(experiment)).info.status == "FINISHED"


def test_autolog_is_off_again(experiment: str) -> None:
    """What others fit in this process makes no run."""
    recorded(experiment)
    before = len(mlflow.search_runs(experiment_names=[experiment]))
    LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
    assert len(mlflow.search_runs(experiment_names=[experiment])) == before
    assert mlflow.active_run() is None


def test_a_model_that_may_not_be_logged_fails_its_run(experiment: str) -> None:
    """The run says FAILED and holds no model."""
    made = prepared("power_forecasting", {"estimator": "linear"})
    foreign = replace(
        made, task=replace(made.task, estimator=RandomForestRegressor(n_estimators=1))
    )
    with pytest.raises(RecipeError, match="may not be in a logged model"):
        tracking.record(foreign, experiment=experiment, tags={})
    runs = mlflow.MlflowClient().search_runs([experiment_id(experiment)])
    assert [run.info.status for run in runs] == ["FAILED"]
    assert not mlflow.MlflowClient().search_logged_models([experiment_id(experiment)])
