"""Tests of `mlgitops.recipes.recipe`."""

from __future__ import annotations

import json
from datetime import date
from types import MappingProxyType

import pytest

from mlgitops.errors import RecipeError
from mlgitops.recipes.recipe import canonical, load
from training import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_every_listed_recipe_loads(name: str) -> None:
    """And is called what it was asked for by."""
    assert name == load(name).name


def test_a_recipe_says_which_data_it_reads() -> None:
    """The name of an environment variable, or None where it brings its own."""
    assert load("power_forecasting").uses_data == "WINDFARM_DATA"
    assert load("tumour_diagnosis").uses_data is None


@pytest.mark.parametrize("name", ["power_forcasting", "tumor_diagnosis"])
def test_a_near_miss_is_suggested(name: str) -> None:
    """A typing error costs one look at the message."""
    with pytest.raises(RecipeError, match=f"no recipe '{name}'; did you mean"):
        load(name)


@pytest.mark.parametrize("name", ["churn", "tracking", "runner", "os", "", "../evil"])
def test_an_unknown_recipe_lists_the_known_ones(name: str) -> None:
    """Other modules of the package, and anything else, are no recipes and are not imported."""
    with pytest.raises(RecipeError, match="known: power_forecasting, tumour_diagnosis"):
        load(name)


def test_parameters_may_be_any_mapping() -> None:
    """models.yaml hands over one that can not be changed."""
    parsed = load("power_forecasting").parse(MappingProxyType({"estimator": "linear"}))
    assert parsed.estimator == "linear"


def test_every_bad_parameter_is_named_at_once_on_one_line() -> None:
    """Wrong value, wrong type, unknown name, foreign hyperparameter and wrong order of dates."""
    with pytest.raises(RecipeError) as caught:
        load("power_forecasting").parse(
            {
                "estimator": "linear",
                "max_itr": 1,
                "max_iter": 5,
                "seed": "x",
                "test_from": "2001-01-01",
            }
        )
    message = str(caught.value)
    for expected in (
        "max_itr: unknown parameter; did you mean 'max_iter'?",
        "max_iter: linear does not have it; it has none to set",
        "seed: should be a valid integer, got 'x'",
        "test_from: must be after train_until, 2018-12-31, got 2001-01-01",
    ):
        assert expected in message
    assert message.startswith("power_forecasting: ")
    assert "\n" not in message


def test_a_missing_estimator_is_named() -> None:
    """It is the one parameter without default."""
    with pytest.raises(RecipeError, match="estimator: missing; add it"):
        load("tumour_diagnosis").parse({})


def test_an_unknown_parameter_without_a_near_one_lists_all() -> None:
    """The reader need not open the module."""
    with pytest.raises(RecipeError, match="unknown parameter; known are estimator, n_estimators"):
        load("tumour_diagnosis").parse({"estimator": "extra_trees", "zzz": 1})


def test_data_for_a_recipe_that_reads_none_are_an_error() -> None:
    """They would be ignored, and someone would think that they were used."""
    with pytest.raises(RecipeError, match="brings its own data"):
        load("tumour_diagnosis").prepare({"estimator": "extra_trees"}, "windfarm.csv")


def test_the_canonical_form_does_not_depend_on_order() -> None:
    """Dates are texts; the same recipe is the same text."""
    one = canonical("power_forecasting", {"estimator": "linear", "train_until": date(2018, 1, 1)})
    two = canonical("power_forecasting", {"train_until": "2018-01-01", "estimator": "linear"})
    assert one == two
    assert json.loads(one) == {
        "train": "power_forecasting",
        "params": {"estimator": "linear", "train_until": "2018-01-01"},
    }
