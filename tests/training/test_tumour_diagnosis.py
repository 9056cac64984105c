"""Tests of the recipe `tumour_diagnosis`."""

from __future__ import annotations

import numpy as np
import pytest

from training.tumour_diagnosis import Params, prepare

KINDS = ["logistic_regression", "random_forest", "extra_trees", "gradient_boosting"]


def params(**values: object) -> Params:
    """Parameters of a logistic regression, unless `values` say otherwise."""
    return Params.model_validate({"estimator": "logistic_regression", **values})


@pytest.mark.parametrize("estimator", KINDS)
def test_every_estimator_is_good_enough(estimator: str) -> None:
    """With default parameters each one is right in 19 of 20 patients."""
    score = prepare(params(estimator=estimator)).fit().metrics()
    assert {"test_accuracy", "test_f1", "test_roc_auc", "test_log_loss"} == set(score)
    assert score["test_accuracy"] >= 0.95
    assert score["test_roc_auc"] >= 0.98
    assert score["test_log_loss"] <= 0.2


def test_malignant_is_the_positive_class() -> None:
    """212 of the 569 tumours are malignant; F1 is about finding those."""
    task = prepare(params())
    assert task.train.target.sum() + task.test.target.sum() == 212


def test_both_sides_have_the_same_share_of_malignant_tumours() -> None:
    """The split is stratified."""
    task = prepare(params())
    assert task.train.target.mean() == pytest.approx(task.test.target.mean(), abs=0.01)


def test_no_patient_is_on_both_sides() -> None:
    """Nothing is tested on what it was trained on, and nobody is left out."""
    task = prepare(params())
    train_rows, test_rows = set(task.train.features.index), set(task.test.features.index)
    assert not train_rows & test_rows
    assert len(train_rows | test_rows) == 569


def test_the_split_does_not_depend_on_the_seed() -> None:
    """Versions of different seeds are compared on the same patients."""
    assert list(prepare(params(seed=1)).test.target.index) == list(
        prepare(params(seed=2)).test.target.index
    )


def test_the_same_recipe_gives_the_same_model() -> None:
    """To the last bit."""
    chosen = params(estimator="extra_trees", seed=7)
    first, second = (prepare(chosen).fit() for _ in range(2))
    np.testing.assert_array_equal(
        first.estimator.predict_proba(first.test.features),
        second.estimator.predict_proba(first.test.features),
    )
