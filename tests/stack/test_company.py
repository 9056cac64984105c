"""The wheel with all its extras, for a company with recipes of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests import wheels

if TYPE_CHECKING:
    from pathlib import Path

COMPANY = """
models:
  churn-model:
    versions:
      1: {train: churn, params: {least: 2}}
      2: {train: churn, params: {least: 4}}
    gates:
      Production: [{metric: test_accuracy, min: 0.9}]
    stages: {Production: 2}
"""
CHURN = """
from pydantic import BaseModel

from training.rules import CUSTOMERS, churned, rule


class Params(BaseModel):
    least: int


def train(params):
    import mlflow

    model = rule(params.least)
    said = [row["churned"] for row in model.predict(None, CUSTOMERS).to_dict("records")]
    right = [one == two for one, two in zip(said, churned(), strict=True)]
    mlflow.log_metric("test_accuracy", sum(right) / len(right))
    mlflow.pyfunc.log_model(
        name="model",
        python_model=model,
        signature=mlflow.models.infer_signature(CUSTOMERS, model.predict(None, CUSTOMERS)),
        pip_requirements=["mlflow", "pandas"],
    )


def holdout():
    return CUSTOMERS, churned()
"""
RULES = """
import mlflow
import pandas as pd

CUSTOMERS = pd.DataFrame({"complaints": [0.0, 1.0, 3.0, 4.0, 5.0, 6.0]})


def churned():
    return (CUSTOMERS["complaints"] >= 4).astype(int).rename("churned")


def rule(least):
    return Rule(least)


class Rule(mlflow.pyfunc.PythonModel):
    def __init__(self, least):
        self.least = least

    def predict(self, context, model_input, params=None):
        return (model_input["complaints"] >= self.least).astype(int).to_frame("churned")
"""


@pytest.mark.no_docker
def test_a_recipe_of_another_company(tmp_path: Path) -> None:
    """With all extras: validate, train, plan, apply and compare beside a models.yaml of its own."""
    company = wheels.installed(wheels.wheel(tmp_path), tmp_path, "[all]")
    (company.folder / "training").mkdir()
    for name, text in {
        "models.yaml": COMPANY,
        "training/__init__.py": "",
        "training/churn.py": CHURN,
        "training/rules.py": RULES,
    }.items():
        (company.folder / name).write_text(text, encoding="utf-8")

    def run(*arguments: str, code: int = 0) -> str:
        done = company.run(*arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def document(*arguments: str, code: int = 0) -> Any:
        return json.loads(run(*arguments, "--format", "json", code=code))

    assert "models.yaml is valid: 1 " in run("validate")
    trained = document("train")["trained"]
    assert [one["metrics"] for one in trained] == [
        {"test_accuracy": 5 / 6},
        {"test_accuracy": 1.0},
    ]
    (change,) = document("plan", "--exit-code", code=2)["changes"]
    assert change["comparison"]["predictions"]["source"].startswith("6 held-out rows of churn")
    run("apply")
    compared = document("compare", "churn-model", "1", "Production")["predictions"]
    assert compared["confusion"] == [
        {"old": "0", "new": "0", "rows": 2},
        {"old": "1", "new": "0", "rows": 1},
        {"old": "1", "new": "1", "rows": 3},
    ]
    typo = (company.folder / "models.yaml").read_text().replace("least: 4", "lest: 4")
    (company.folder / "models.yaml").write_text(typo)
    (missing, unknown) = document("validate", code=1)["problems"]
    assert (missing["line"], unknown["line"]) == (6, 6)
    assert "lest: unknown parameter; did you mean 'least'?" in unknown["message"]
