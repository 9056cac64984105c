"""Tests of `mlgitops.recipes.recipe`."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from textwrap import dedent
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import RecipeError
from mlgitops.recipes.package import RecipePackage
from mlgitops.recipes.recipe import RecipeModule, canonical

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIGHT = """
import sys
from mlgitops.recipes import tracking
from mlgitops.recipes.package import RecipePackage
recipes = RecipePackage()
recipes.load("power_forecasting").parse({"estimator": "linear"})
recipes.load("tumour_diagnosis").parse({"estimator": "extra_trees"})
print(sorted({"mlflow", "sklearn", "pandas", "numpy", "skops"} & set(sys.modules)))
"""


def load(name: str) -> RecipeModule:
    """A recipe of this repository."""
    return RecipePackage().load(name)


@pytest.fixture
def write(tmp_path: Path, unique: str) -> Callable[[str], RecipePackage]:
    """Write the recipe `churn` of a package of its own."""

    def make(source: str) -> RecipePackage:
        package = tmp_path / unique
        package.mkdir()
        (package / "churn.py").write_text(dedent(source))
        return RecipePackage(name=unique, folders=(str(tmp_path),))

    return make


def test_a_recipe_says_which_data_it_reads() -> None:
    """The name of an environment variable, or None where it brings its own."""
    assert load("power_forecasting").variable == "WINDFARM_DATA"
    assert load("tumour_diagnosis").variable is None


def test_its_variable_names_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless others are given; an empty one names none."""
    recipe = load("power_forecasting")
    monkeypatch.setenv("WINDFARM_DATA", "days.csv")
    assert (recipe.data(None), recipe.data("other.csv")) == ("days.csv", "other.csv")
    monkeypatch.setenv("WINDFARM_DATA", "")
    assert recipe.data(None) is None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("train = 3", "is not a recipe: it has neither train nor prepare"),
        ("def train(): ...\ndef prepare(): ...", "both train and prepare: keep one"),
        ("Params = dict\ndef train(params): ...", "Params in .*churn.py is not a pydantic model"),
        (
            "def train(params): ...",
            "train in .*churn.py takes params, but .* has no class Params; add",
        ),
        ("def train(rows): ...", "train in .*churn.py may take params and data; it takes rows"),
        ("def train(): ...\ndef holdout(x): ...", "holdout in .*churn.py may take params and data"),
    ],
)
def test_a_module_that_is_no_recipe(
    write: Callable[[str], RecipePackage], source: str, expected: str
) -> None:
    """It names the file, and what is missing or too much."""
    with pytest.raises(RecipeError, match=expected):
        write(source).load("churn")


def test_a_recipe_without_params_takes_none(write: Callable[[str], RecipePackage]) -> None:
    """A parameter that nobody reads is an error, not ignored."""
    recipe = write("def train(): ...").load("churn")
    assert recipe.wrong({}) == []
    assert recipe.wrong({"banana": 3}) == ["banana: unknown parameter; the recipe takes none"]


@pytest.mark.parametrize(("extra", "wrong"), [("ignore", 1), ("forbid", 1), ("allow", 0)])
def test_unknown_parameters_are_wrong_unless_the_recipe_allows_them(
    write: Callable[[str], RecipePackage], extra: str, wrong: int
) -> None:
    """What pydantic would ignore by default is an error all the same."""
    recipe = write(
        f"""
        from pydantic import BaseModel
        class Params(BaseModel, extra="{extra}"):
            rounds: int = 10
        def train(params): ...
        """
    ).load("churn")
    assert len(recipe.wrong({"round": 3})) == wrong


def test_a_validator_that_fails_is_named(write: Callable[[str], RecipePackage]) -> None:
    """Whatever it raises."""
    recipe = write(
        """
        from pydantic import BaseModel, field_validator
        class Params(BaseModel):
            rounds: int = 10
            @field_validator("rounds")
            @classmethod
            def known(cls, value):
                return {}[value]
        def train(params): ...
        """
    ).load("churn")
    assert recipe.wrong({"rounds": 3}) == ["its class Params fails: KeyError: 3"]


def test_parameters_may_be_any_mapping() -> None:
    """models.yaml hands over one that cannot be changed."""
    parsed = load("power_forecasting").parse(MappingProxyType({"estimator": "linear"}))
    assert parsed.model_dump()["estimator"] == "linear"


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
        load("tumour_diagnosis").data("windfarm.csv")


def test_the_canonical_form_does_not_depend_on_order() -> None:
    """Dates are texts; the same recipe is the same text."""
    one = canonical("power_forecasting", {"estimator": "linear", "train_until": date(2018, 1, 1)})
    two = canonical("power_forecasting", {"train_until": "2018-01-01", "estimator": "linear"})
    assert one == two
    assert json.loads(one) == {
        "train": "power_forecasting",
        "params": {"estimator": "linear", "train_until": "2018-01-01"},
    }


def test_checking_a_recipe_imports_nothing_heavy() -> None:
    """Neither importing tracking nor parsing parameters imports scikit-learn or MLflow."""
    answer = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "[]\n"


def test_an_exception_of_a_recipe_says_where(write: Callable[[str], RecipePackage]) -> None:
    """The recipe's own line, not one of a library; the exception is kept as the cause."""
    recipe = write("import json\ndef train():\n    json.loads('{')\n").load("churn")
    with pytest.raises(RecipeError, match=r"churn\.py:3: JSONDecodeError: ") as caught:
        recipe.call("train", recipe.parse({}), None)
    assert isinstance(caught.value.__cause__, ValueError)
