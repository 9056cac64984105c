"""Tests of `training` itself: what importing it costs, and that its list of recipes is true."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import training

LIGHT = """
import importlib.util, sys
from mlgitops.recipes import runner
assert importlib.util.find_spec("training.power_forecasting")
runner.load("power_forecasting").parse({"estimator": "linear"})
runner.load("tumour_diagnosis").parse({"estimator": "extra_trees"})
print(sorted({"mlflow", "sklearn", "pandas", "numpy", "skops"} & set(sys.modules)))
"""


def test_checking_a_recipe_imports_nothing_heavy() -> None:
    """Neither importing the runner nor parsing parameters imports scikit-learn or MLflow."""
    answer = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "[]\n"


def test_every_module_of_a_recipe_is_listed() -> None:
    """A recipe's module is one that says which data it uses; none is forgotten."""
    modules = Path(str(training.__file__)).parent.glob("*.py")
    recipes = {file.stem for file in modules if "\nUSES_DATA" in file.read_text(encoding="utf-8")}
    assert recipes == set(training.RECIPES)
