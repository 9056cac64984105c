"""Tests of `mlgitops.recipes.sklearn.estimators`."""

from __future__ import annotations

from typing import Any

import pytest

from mlgitops.recipes.sklearn.estimators import DEFAULTS, classifier, regressor
from mlgitops.recipes.sklearn.hyperparameters import APPLIES_TO, EstimatorKind, Hyperparameters

VALUES: dict[str, float] = {"learning_rate": 0.3, "max_features": 0.5, "C": 2.0}
REGRESSORS: list[EstimatorKind] = ["linear", "random_forest", "extra_trees", "gradient_boosting"]
CLASSIFIERS: list[EstimatorKind] = ["logistic_regression", *REGRESSORS[1:]]


def settings(estimator: Any) -> dict[str, Any]:
    """An estimator's parameters; of a pipeline, those of its last step."""
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    return dict(last.get_params())


@pytest.mark.parametrize("kind", REGRESSORS)
def test_regressors_get_every_hyperparameter_they_have(kind: EstimatorKind) -> None:
    """The names in the table are scikit-learn's: each one arrives."""
    chosen = {name: VALUES.get(name, 7) for name, kinds in APPLIES_TO.items() if kind in kinds}
    params = Hyperparameters.model_validate({"estimator": kind, **chosen})
    assert chosen.items() <= settings(regressor(params)).items()


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_classifiers_get_every_hyperparameter_they_have(kind: EstimatorKind) -> None:
    """The same, for classification."""
    chosen = {name: VALUES.get(name, 7) for name, kinds in APPLIES_TO.items() if kind in kinds}
    params = Hyperparameters.model_validate({"estimator": kind, "seed": 3, **chosen})
    made = settings(classifier(params))
    assert {**chosen, "random_state": 3}.items() <= made.items()


@pytest.mark.parametrize("kind", DEFAULTS)
def test_the_projects_defaults_apply_where_nothing_is_chosen(kind: EstimatorKind) -> None:
    """And a chosen value wins over them."""
    default = settings(classifier(Hyperparameters(estimator=kind)))
    chosen = settings(classifier(Hyperparameters(estimator=kind, max_iter=50)))
    assert DEFAULTS[kind].items() <= default.items()
    assert chosen["max_iter"] == 50


@pytest.mark.parametrize("kind", ["random_forest", "extra_trees"])
def test_forests_use_one_process(kind: EstimatorKind) -> None:
    """A served forest answers in its own process."""
    assert settings(regressor(Hyperparameters(estimator=kind)))["n_jobs"] is None
