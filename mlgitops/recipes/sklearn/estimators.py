"""The estimators behind the kinds: scikit-learn's, with this project's defaults.

Boosting is scikit-learn's histogram variant: where it was measured, it is as good as the classic
one (test R² 0.977 either way) in half the time.
Forests keep `n_jobs` at one: they train in a second, and a served model answers a single row
faster without handing it to other processes.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.recipes.sklearn.hyperparameters import Hyperparameters
    from mlgitops.recipes.sklearn.task import Classifier, Estimator

# Where this project departs from scikit-learn, whose 100 steps do not always suffice.
DEFAULTS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {"gradient_boosting": {"max_iter": 200}, "logistic_regression": {"max_iter": 1_000}}
)


def regressor(params: Hyperparameters) -> Estimator:
    """An unfitted regressor of the kind and with the hyperparameters of `params`."""
    if params.estimator == "linear":
        linear: Estimator = LinearRegression()
        return linear
    made: Estimator = {
        "random_forest": RandomForestRegressor,
        "extra_trees": ExtraTreesRegressor,
        "gradient_boosting": HistGradientBoostingRegressor,
    }[params.estimator](**_arguments(params))
    return made


def classifier(params: Hyperparameters) -> Classifier:
    """An unfitted classifier of the kind and with the hyperparameters of `params`."""
    if params.estimator == "logistic_regression":
        # Scaled, because the penalty on weights would else depend on the features' units.
        pipeline: Classifier = make_pipeline(
            StandardScaler(), LogisticRegression(**_arguments(params))
        )
        return pipeline
    made: Classifier = {
        "random_forest": RandomForestClassifier,
        "extra_trees": ExtraTreesClassifier,
        "gradient_boosting": HistGradientBoostingClassifier,
    }[params.estimator](**_arguments(params))
    return made


def _arguments(params: Hyperparameters) -> dict[str, object]:
    return {
        **DEFAULTS.get(params.estimator, {}),
        **params.chosen(),
        "random_state": params.seed,
    }
