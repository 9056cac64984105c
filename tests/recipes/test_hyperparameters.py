"""Tests of `mlgitops.recipes.sklearn.hyperparameters`."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from mlgitops.recipes.sklearn.hyperparameters import APPLIES_TO, EstimatorKind, Hyperparameters

VALUES: dict[str, float] = {"learning_rate": 0.1, "max_features": 0.5, "C": 2.0}


@pytest.mark.parametrize("name", APPLIES_TO)
@pytest.mark.parametrize("kind", get_args(EstimatorKind))
def test_a_hyperparameter_is_taken_by_the_kinds_that_have_it(
    kind: EstimatorKind, name: str
) -> None:
    """All others refuse it, rather than ignore it."""
    params = {"estimator": kind, name: VALUES.get(name, 5)}
    if kind in APPLIES_TO[name]:
        assert {name: VALUES.get(name, 5)} == Hyperparameters.model_validate(params).chosen()
    else:
        with pytest.raises(ValidationError, match=f"{kind} does not have it"):
            Hyperparameters.model_validate(params)


def test_null_keeps_the_default() -> None:
    """A null in models.yaml means the same as leaving the key away."""
    params = Hyperparameters.model_validate({"estimator": "random_forest", "max_depth": None})
    assert params.chosen() == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_iter": "200"},
        {"max_iter": 200.0},
        {"max_iter": True},
        {"max_iter": 0},
        {"learning_rate": float("nan")},
        {"learning_rate": 0},
        {"max_leaf_nodes": 1},
        {"l2_regularization": -1.0},
        {"seed": -1},
    ],
)
def test_types_are_strict_and_values_bounded(wrong: dict[str, object]) -> None:
    """A text is no number, a fraction no count, and what cannot be trained is refused."""
    with pytest.raises(ValidationError):
        Hyperparameters.model_validate({"estimator": "gradient_boosting", **wrong})


def test_parameters_can_not_be_changed() -> None:
    """What was checked stays as it was checked."""
    params = Hyperparameters(estimator="linear")
    with pytest.raises(ValidationError, match="frozen"):
        params.seed = 1


def test_every_parameter_is_described() -> None:
    """The description is what a reader of a schema gets."""
    assert all(field.description for field in Hyperparameters.model_fields.values())
