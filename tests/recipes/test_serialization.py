"""Tests of `mlgitops.recipes.sklearn.serialization`."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.preprocessing import FunctionTransformer
from skops.io.exceptions import UntrustedTypesFoundException

from mlgitops.errors import RecipeError
from mlgitops.recipes.sklearn.estimators import classifier, regressor
from mlgitops.recipes.sklearn.hyperparameters import EstimatorKind, Hyperparameters
from mlgitops.recipes.sklearn.serialization import TRUSTED, trusted_types

FEATURES = np.random.RandomState(0).normal(size=(60, 2))
CLASSES = (FEATURES[:, 0] > 0).astype(int)


def fitted(kind: EstimatorKind) -> object:
    """A small fitted estimator of a kind."""
    make = classifier if kind == "logistic_regression" else regressor
    small = {"n_estimators": 3} if "forest" in kind or "extra" in kind else {}
    estimator = make(Hyperparameters.model_validate({"estimator": kind, **small}))
    estimator.fit(FEATURES, CLASSES)  # type: ignore[arg-type]
    return estimator


@pytest.mark.parametrize("kind", get_args(EstimatorKind))
def test_every_kind_comes_back_with_its_own_list(kind: EstimatorKind) -> None:
    """The list of a kind suffices to load it, and the predictions are the same."""
    estimator = fitted(kind)
    trusted = trusted_types(kind, estimator)
    loaded = skops.io.loads(skops.io.dumps(estimator), trusted=trusted)
    expected = estimator.predict(FEATURES)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(expected, loaded.predict(FEATURES))


@pytest.mark.parametrize("kind", [kind for kind, types in TRUSTED.items() if types])
def test_the_list_is_needed(kind: EstimatorKind) -> None:
    """Without it skops refuses tree ensembles: nothing is listed that skops knows by now."""
    content = skops.io.dumps(fitted(kind))
    with pytest.raises(UntrustedTypesFoundException):
        skops.io.loads(content, trusted=[])
    assert list(TRUSTED[kind]) == skops.io.get_untrusted_types(data=content)


def test_only_scikit_learns_types_are_listed() -> None:
    """No list opens the door to functions, modules or types of others."""
    assert set(get_args(EstimatorKind)) == set(TRUSTED)
    assert all(name.startswith("sklearn.") for types in TRUSTED.values() for name in types)


def test_a_type_of_another_kind_is_refused() -> None:
    """Lists are per kind: a linear model that holds a tree is not what was asked for."""
    with pytest.raises(RecipeError, match=r"linear estimator holds sklearn\.tree\._tree\.Tree"):
        trusted_types("linear", GradientBoostingRegressor(n_estimators=1).fit(FEATURES, CLASSES))


def test_a_function_is_refused() -> None:
    """A model that would run code of its own is not logged, and the error says what to do."""
    step = FunctionTransformer(pytest.approx)
    with pytest.raises(RecipeError, match="build it from scikit-learn's own types"):
        trusted_types("gradient_boosting", step)
