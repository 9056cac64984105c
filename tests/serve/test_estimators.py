"""What scikit-learn need not do in each prediction of a fitted model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pytest
import sklearn
from mlflow.pyfunc import load_model
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlgitops.serve.server.estimators import lean

if TYPE_CHECKING:
    from pathlib import Path

ROWS = np.random.default_rng(0).normal(size=(50, 3))


class Telling(BaseEstimator):  # type: ignore[misc]
    """Predicts whether hyperparameters are looked at, and whether values are."""

    def predict(self, rows: Any) -> Any:
        """The two settings, for each row."""
        seen = sklearn.get_config()
        found = [not seen["skip_parameter_validation"], not seen["assume_finite"]]
        return np.array([found] * len(rows))


def saved(model: Any, folder: Path) -> Any:
    """A model as MLflow loads it."""
    mlflow.sklearn.save_model(
        model, folder, serialization_format="cloudpickle", pip_requirements=["mlflow"]
    )
    return load_model(str(folder))


def own(model: Any) -> Any:
    """The prediction that MLflow calls."""
    return model._predict_fn  # noqa: SLF001 - it has no other name


def test_hyperparameters_are_not_looked_at_again_and_values_are(tmp_path: Path) -> None:
    """In a prediction, and nowhere else."""
    model = saved(Telling(), tmp_path / "model")
    assert model.predict(ROWS).all()
    hyperparameters, values = lean(own(model), model)(ROWS).T
    assert (hyperparameters.any(), values.all()) == (False, True)
    assert not sklearn.get_config()["skip_parameter_validation"]


def test_predictions_and_refusals_are_the_same(tmp_path: Path) -> None:
    """To the last bit, and with the same words about missing values."""
    fitted = make_pipeline(StandardScaler(), LinearRegression()).fit(ROWS, ROWS.sum(axis=1))
    model = saved(fitted, tmp_path / "model")
    predict = lean(own(model), model)
    assert (predict(ROWS) == fitted.predict(ROWS)).all()
    holes = np.where(ROWS > 1, np.nan, ROWS)
    with pytest.raises(ValueError, match="NaN") as theirs:
        fitted.predict(holes)
    with pytest.raises(ValueError, match="NaN") as ours:
        predict(holes)
    assert str(ours.value) == str(theirs.value)


def test_models_of_others_are_left_alone(tmp_path: Path) -> None:
    """A model of MLflow's plain kind may do with scikit-learn what it likes."""
    mlflow.pyfunc.save_model(
        tmp_path / "model", python_model=lambda rows: rows, pip_requirements=["mlflow"]
    )
    model = load_model(str(tmp_path / "model"))
    assert lean(own(model), model) == own(model)
