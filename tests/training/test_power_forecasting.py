"""Tests of the recipe `power_forecasting`."""

from __future__ import annotations

import os
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from mlgitops.errors import TrainingDataError
from mlgitops.recipes import tracking
from mlgitops.recipes.package import RecipePackage
from tests.training.windfarm_text import lines, text
from training.features import FEATURES
from training.power_forecasting import MIN_DAYS, Params, prepare

if TYPE_CHECKING:
    from pathlib import Path

REAL = os.environ.get("WINDFARM_DATA")
# name → least test R² on the synthetic sample, on the real file
LEAST = {
    "linear": (0.905, 0.91),
    "random_forest": (0.97, 0.965),
    "extra_trees": (0.97, 0.97),
    "gradient_boosting": (0.97, 0.97),
}


@pytest.fixture(autouse=True)
def _synthetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WINDFARM_DATA", raising=False)


def params(**values: object) -> Params:
    """Parameters of a linear model, unless `values` say otherwise."""
    return Params.model_validate({"estimator": "linear", **values})


@pytest.mark.parametrize("estimator", LEAST)
def test_every_estimator_is_good_enough_on_the_sample(estimator: str) -> None:
    """With default parameters each one gets over the gate of 0.9."""
    score = prepare(params(estimator=estimator), None).fit().metrics()
    assert score["test_r2"] >= LEAST[estimator][0]
    assert {"test_r2", "test_mae", "test_rmse"} == set(score)


def test_boosting_clearly_beats_a_linear_model() -> None:
    """The sample rewards the better model, so that promotion means something."""
    linear = prepare(params(), None).fit().metrics()
    boosting = prepare(params(estimator="gradient_boosting"), None).fit().metrics()
    assert boosting["test_mae"] < 0.7 * linear["test_mae"]


@pytest.mark.skipif(not REAL, reason="WINDFARM_DATA does not name the real file")
@pytest.mark.parametrize("estimator", LEAST)
def test_every_estimator_is_good_enough_on_the_real_file(estimator: str) -> None:
    """Trained to 2018 and tested from 2019, boosting explains 97% and more."""
    assert (
        prepare(params(estimator=estimator), REAL).fit().metrics()["test_r2"] >= LEAST[estimator][1]
    )


@pytest.mark.parametrize(
    "kind",
    [
        {"estimator": "random_forest", "n_estimators": 10},
        {"estimator": "gradient_boosting", "max_iter": 50},
    ],
)
def test_the_same_recipe_gives_the_same_model(kind: dict[str, object]) -> None:
    """To the last bit."""
    chosen = params(**kind, seed=7)
    first, second = (prepare(chosen, None).fit() for _ in range(2))
    np.testing.assert_array_equal(
        first.estimator.predict(first.test.features), second.estimator.predict(first.test.features)
    )


def test_rows_are_split_by_time() -> None:
    """Every training day is before every test day, and no day in between is used."""
    task = prepare(params(train_until="2017-06-30", test_from="2018-01-01"), None)
    assert pd.Timestamp("2017-06-30") == task.train.features.index.max()
    assert pd.Timestamp("2018-01-01") == task.test.features.index.min()


def test_features_can_be_chosen() -> None:
    """The model sees only the columns that were named, in their order."""
    chosen = ["wind_speed_16", "wind_speed_00"]
    task = prepare(params(features=chosen), None)
    assert chosen == list(task.train.features.columns)
    assert list(FEATURES) == list(prepare(params(), None).train.features.columns)


def test_the_target_is_not_a_feature() -> None:
    """Power cannot be learnt from power."""
    with pytest.raises(ValidationError):
        params(features=["power"])


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"features": []}, "names no column"),
        ({"features": ["wind_speed_00", "wind_speed_00"]}, "names a column twice"),
        ({"train_until": "2019-01-01"}, "must be after train_until"),
        ({"test_from": "2018-12-31"}, "must be after train_until"),
        ({"train_until": "31.12.2018"}, "valid date"),
        ({"train_until": datetime(2018, 12, 31)}, "valid date"),  # noqa: DTZ001 - as YAML makes it
        ({"train_until": 20181231}, "valid date"),
        ({"estimator": "logistic_regression"}, "'linear', 'random_forest'"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, object], expected: str) -> None:
    """Each one with a message of its own."""
    with pytest.raises(ValidationError, match=expected):
        params(**wrong)


def test_dates_may_be_dates_or_texts() -> None:
    """YAML gives dates, JSON and the command line texts."""
    assert params(train_until=date(2016, 1, 31)) == params(train_until="2016-01-31")


def test_too_few_days_are_an_error(tmp_path: Path) -> None:
    """The message says how many there are, how many it takes and what the file holds."""
    file = tmp_path / "short.csv"
    file.write_text(text(lines(MIN_DAYS + 10)))
    expected = r"10 days to test from 2014-01-31, at least 30 .* 2014-01-01 to 2014-02-09"
    with pytest.raises(TrainingDataError, match=expected):
        prepare(params(train_until="2014-01-30", test_from="2014-01-31"), str(file))
    with pytest.raises(TrainingDataError, match="0 days to train until 2013-12-31"):
        prepare(params(train_until="2013-12-31", test_from="2014-01-01"), str(file))


def test_the_environment_names_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """WINDFARM_DATA is read where no data are named, and only there."""
    default, other = tmp_path / "default.csv", tmp_path / "other.csv"
    for file in (default, other):
        file.write_text(text(lines(80)))
    monkeypatch.setenv("WINDFARM_DATA", str(default))
    recipe = RecipePackage().load("power_forecasting")
    dates = {"train_until": "2014-01-31", "test_from": "2014-02-01"}
    for given, used in ((None, default), (str(other), other)):
        held_out = tracking.prepare(recipe, {"estimator": "linear", **dates}, given).held_out
        assert held_out is not None
        assert held_out.dataset.source == str(used)
