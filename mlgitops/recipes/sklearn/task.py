"""A task: an estimator, the examples that it learns from, and the ones that judge it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

from sklearn import metrics
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    import pandas as pd

    from mlgitops.recipes.data import Dataset, Examples
    from mlgitops.recipes.sklearn.hyperparameters import EstimatorKind


class Estimator(Protocol):
    """What the recipes need of a scikit-learn estimator or pipeline."""

    def fit(self, X: pd.DataFrame, y: pd.Series) -> object:  # noqa: N803 - scikit-learn's name
        """Learn `y` of shape (rows,) from `X` of shape (rows, features)."""
        ...

    def predict(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803 - scikit-learn's name
        """The predictions for `X`, of shape (rows,)."""
        ...


class Classifier(Estimator, Protocol):
    """An estimator that also gives probabilities."""

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803 - scikit-learn's name
        """The probability of each class, of shape (rows, classes)."""
        ...


E = TypeVar("E", bound=Estimator)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Task(Generic[E]):
    """One training run, ready to go.

    Attributes:
        kind: the kind of estimator.
        estimator: not yet fitted; `fit` fits it in place.
        settings: the recipe's parameters that are not hyperparameters, for the run's record.
        score: the metrics `test_…` of a fitted estimator on examples.
    """

    kind: EstimatorKind
    estimator: E
    train: Examples
    test: Examples
    dataset: Dataset
    settings: Mapping[str, object]
    score: Callable[[E, Examples], dict[str, float]]

    def fit(self) -> Self:
        """Fit the estimator in place.

        One thread only: sums over several threads round differently on each run and machine,
        and the same recipe must give the same model. It takes about a second.
        """
        with threadpool_limits(limits=1):
            self.estimator.fit(self.train.features, self.train.target)
        return self

    def metrics(self) -> dict[str, float]:
        """What a fitted estimator scores on the test examples; in one thread, as `fit`."""
        with threadpool_limits(limits=1):
            return self.score(self.estimator, self.test)


def regression_score(estimator: Estimator, test: Examples) -> dict[str, float]:
    """R² (no unit), mean absolute and root mean squared error (unit of the target)."""
    predicted = estimator.predict(test.features)
    return {
        "test_r2": float(metrics.r2_score(test.target, predicted)),
        "test_mae": float(metrics.mean_absolute_error(test.target, predicted)),
        "test_rmse": float(metrics.root_mean_squared_error(test.target, predicted)),
    }


def classification_score(estimator: Classifier, test: Examples) -> dict[str, float]:
    """Metrics of a classifier of the classes 0 and 1; 1 is the positive class. None has a unit."""
    predicted = estimator.predict(test.features)
    probability = estimator.predict_proba(test.features)[:, 1]
    return {
        "test_accuracy": float(metrics.accuracy_score(test.target, predicted)),
        "test_f1": float(metrics.f1_score(test.target, predicted)),
        "test_roc_auc": float(metrics.roc_auc_score(test.target, probability)),
        "test_log_loss": float(metrics.log_loss(test.target, probability)),
    }
