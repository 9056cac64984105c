"""Tests of `mlgitops.recipes.tracking.run` and `register`: what `mlgitops train` calls."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING

import mlflow
import numpy as np
import pytest

from mlgitops.errors import RecipeError, TrainingDataError
from mlgitops.errors.registry import RegistryError
from mlgitops.recipes import tracking
from training.features import FEATURES
from training.synthetic import windfarm

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlgitops.recipes.tracking import TrainedRun
    from mlgitops.registry.embedded import Embedded
    from tests.proxy import Proxy

LINEAR = {"estimator": "linear"}


def trained(experiment: str, params: Mapping[str, object] = LINEAR) -> TrainedRun:
    """A run of the power recipe."""
    return tracking.run("power_forecasting", params=params, data=None, experiment=experiment)


def test_training_gives_run_model_and_metrics(experiment: str) -> None:
    """All three name what the store holds, and cannot be changed."""
    result = trained(experiment)
    assert mlflow.get_run(result.run_id).info.status == "FINISHED"
    assert mlflow.models.get_model_info(result.model_uri).run_id == result.run_id
    assert set(result.metrics) == {"test_r2", "test_mae", "test_rmse"}
    with pytest.raises(FrozenInstanceError):
        result.run_id = "other"  # type: ignore[misc]


def test_the_recipe_is_a_tag_in_canonical_form(experiment: str) -> None:
    """So that a version can be compared with models.yaml."""
    run = mlflow.get_run(trained(experiment, {"seed": 1, **LINEAR}).run_id)
    recipe = {"train": "power_forecasting", "params": {"estimator": "linear", "seed": 1}}
    assert json.loads(run.data.tags["mlgitops.recipe"]) == recipe


def test_training_promotes_nothing_and_registers_nothing(experiment: str) -> None:
    """A run is only a run."""
    trained(experiment)
    assert not mlflow.search_model_versions(filter_string=f"name = '{experiment}'")


def test_registering_gives_ascending_numbers_and_promotes_nothing(experiment: str) -> None:
    """The versions are READY, of their runs, and hold neither alias nor stage."""
    results = [trained(experiment), trained(experiment, {"estimator": "linear", "seed": 1})]
    assert [tracking.register(one, experiment) for one in results] == [1, 2]
    client = mlflow.MlflowClient()
    for number, result in enumerate(results, start=1):
        version = client.get_model_version(experiment, str(number))
        assert (version.status, version.run_id) == ("READY", result.run_id)
        assert (version.aliases, version.current_stage) == ([], "None")
    assert client.get_registered_model(experiment).aliases == {}


def test_a_version_carries_recipe_and_data_of_its_run(experiment: str) -> None:
    """Whoever looks at a version sees that it is synthetic."""
    number = tracking.register(trained(experiment), experiment)
    tags = mlflow.MlflowClient().get_model_version(experiment, str(number)).tags
    assert tags["mlgitops.data.synthetic"] == "true"
    assert json.loads(tags["mlgitops.recipe"])["train"] == "power_forecasting"


def test_the_same_recipe_gives_the_same_predictions(experiment: str) -> None:
    """Of the logged models, to the last bit."""
    params = {"estimator": "gradient_boosting", "max_iter": 30}
    rows = windfarm()[list(FEATURES)].head(200)
    first, second = (
        mlflow.sklearn.load_model(trained(experiment, params).model_uri).predict(rows)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("recipe", "params", "data", "error"),
    [
        ("churn", LINEAR, None, RecipeError),
        ("power_forecasting", {"estimator": "linear", "C": 1.0}, None, RecipeError),
        ("power_forecasting", LINEAR, "absent.csv", TrainingDataError),
    ],
)
def test_nothing_is_recorded_where_anything_is_wrong_beforehand(
    experiment: str,
    recipe: str,
    params: Mapping[str, object],
    data: str | None,
    error: type[Exception],
) -> None:
    """A wrong recipe, parameter or file leaves no failed run on the server."""
    with pytest.raises(error):
        tracking.run(recipe, params=params, data=data, experiment=experiment)
    assert mlflow.search_runs(experiment_names=[experiment], output_format="list") == []


def test_a_name_that_can_not_be_registered_is_a_registry_error(experiment: str) -> None:
    """What MLflow refuses comes as an error that the command line can print."""
    with pytest.raises(RegistryError):
        tracking.register(trained(experiment), "a/b:c")


@pytest.mark.usefixtures("remote")
def test_a_server_with_proxied_artifacts_is_used(
    proxied: Proxy,
    server: tuple[str, Embedded],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """MLFLOW_TRACKING_URI suffices; the model goes through the server and comes back.

    Standard output stays the caller's; MLflow's link to the run goes to the other one.
    """
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", proxied.url)
    monkeypatch.delenv("WINDFARM_DATA", raising=False)
    mlflow.create_experiment("through", artifact_location="mlflow-artifacts:/through")
    result = trained("through", {"estimator": "gradient_boosting", "max_iter": 5})
    assert tracking.register(result, "served-model") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"{proxied.url}/#/experiments" in printed.err
    assert list((server[1].folder / "proxied" / "through").rglob("model.skops"))
    loaded = mlflow.pyfunc.load_model("models:/served-model/1", dst_path=str(tmp_path))
    assert len(loaded.predict(windfarm()[list(FEATURES)].head(2))) == 2
