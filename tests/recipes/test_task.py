"""Tests of `mlgitops.recipes.sklearn.task`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

from mlgitops.recipes.data import Dataset, Examples
from mlgitops.recipes.sklearn.task import Task, classification_score, regression_score

INPUT = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})


class Spy(LinearRegression):  # type: ignore[misc]
    """A linear regression that notes how many threads it may use."""

    threads: tuple[int, ...] = ()

    def fit(self, X: pd.DataFrame, y: pd.Series) -> Spy:  # noqa: N803 - scikit-learn's name
        """Fit and note."""
        Spy.threads = tuple(pool["num_threads"] for pool in threadpool_info())
        super().fit(X, y)
        return self


def examples(*target: float) -> Examples:
    """Four rows."""
    return Examples(features=INPUT, target=pd.Series(target, name="y"))


def test_regression_is_judged_by_its_errors() -> None:
    """Of errors 0, 0, 0 and 2 the mean is 0.5 and the root mean square 1."""
    model = LinearRegression().fit(INPUT, INPUT["x"])
    score = regression_score(model, examples(0.0, 1.0, 2.0, 5.0))
    assert pytest.approx(score) == {"test_r2": 1 - 4 / 14, "test_mae": 0.5, "test_rmse": 1.0}


def test_a_perfect_classifier_has_perfect_scores() -> None:
    """All four metrics are there and at their best."""
    model = LogisticRegression(C=1e6).fit(INPUT, [0, 0, 1, 1])
    score = classification_score(model, examples(0, 0, 1, 1))
    assert pytest.approx(score.pop("test_log_loss"), abs=1e-3) == 0
    assert score == {"test_accuracy": 1.0, "test_f1": 1.0, "test_roc_auc": 1.0}


def test_the_first_class_counts_as_negative() -> None:
    """F1 is of class 1: missing both of its members leaves nothing."""
    model = LogisticRegression().fit(INPUT, [0, 0, 0, 1])
    assert classification_score(model, examples(1, 1, 0, 0))["test_f1"] == 0.0


def test_fitting_uses_one_thread() -> None:
    """Sums over threads would round differently on each machine."""
    task = Task(
        kind="linear",
        estimator=Spy(),
        train=examples(0, 1, 2, 3),
        test=examples(0, 1, 2, 3),
        dataset=Dataset(name="line", source=None, tags={}),
        settings={},
        score=regression_score,
    )
    assert pytest.approx(task.fit().metrics()["test_r2"]) == 1.0
    assert {1} == set(Spy.threads)


def test_a_frame_of_examples_is_all_float64() -> None:
    """Also a target of whole numbers, which MLflow would else warn about."""
    frame = examples(0, 1, 0, 1).frame()
    assert list(frame.columns) == ["x", "y"]
    assert {np.dtype("float64")} == set(frame.dtypes)
