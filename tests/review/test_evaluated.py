"""What MLflow's own evaluations of a version's logged model measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlflow
import pandas as pd
from mlflow.data.pandas_dataset import from_pandas
from sklearn.linear_model import LinearRegression

from mlgitops.core.evaluated import Measurement, side_by_side

if TYPE_CHECKING:
    from tests.team import Team

FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
HARD = from_pandas(FRAME, name="hard-cases")


def evaluated(uri: str) -> list[str]:
    """Two versions, logged and then evaluated in runs of their own; their logged models."""
    mlflow.set_tracking_uri(uri)
    ids = []
    for slope in (2.0, 3.0):
        made = mlflow.sklearn.log_model(
            LinearRegression().fit(FRAME, slope * FRAME["x"]),
            name="model",
            registered_model_name="bought",
            input_example=FRAME,
            pip_requirements=["mlflow"],
        )
        with mlflow.start_run():
            logged = {"mae": slope, "training_mae": 0.0}
            mlflow.log_metrics(logged, model_id=made.model_id, dataset=HARD)
            mlflow.log_metrics({"elsewhere": 1.0}, model_id=made.model_id)
        ids.append(made.model_id)
    return ids


def test_evaluations_of_both_are_shown_by_their_data_set(team: Team) -> None:
    """With its name and digest; no metric without a data set, nor of training, is among them."""
    folder = (team.folder / "artifacts").as_uri()
    team.client.create_experiment("e", artifact_location=folder)
    mlflow.set_tracking_uri(team.uri)
    mlflow.set_experiment("e")
    evaluated(team.uri)
    found = team.ok("compare", "bought", "1", "2", "--format", "json").document["evaluations"]
    (one,) = found
    assert (one["dataset"], one["digest"]) == ("hard-cases", HARD.digest)
    (metric,) = one["metrics"]
    assert (metric["name"], metric["old"], metric["new"]) == ("mae", 2, 3)
    assert metric["verdict"] == "worse"


def test_the_latest_value_counts_and_other_data_are_apart() -> None:
    """Versions that were evaluated on different data are not compared."""
    first, again, other = (
        Measurement(metric="mae", value=value, dataset="d", digest=digest, logged=logged)
        for value, digest, logged in ((1.0, "a", 1), (2.0, "a", 2), (3.0, "b", 1))
    )
    found = list(side_by_side([again, first], [other]))
    assert [(m.old, m.new) for one in found for m in one.metrics] == [(2.0, None), (None, 3.0)]
