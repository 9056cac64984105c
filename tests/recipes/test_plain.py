"""Recipes of any flavour: what `mlgitops train` makes of plain MLflow code."""

from __future__ import annotations

import re
import subprocess
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import mlflow
import pandas as pd
import pytest

import mlgitops.recipes
from tests.recipes.test_package import distribution

if TYPE_CHECKING:
    from tests.team import Team

CHURN, PRICE = re.findall(r"```python\n(.*?)```", str(mlgitops.recipes.__doc__), re.DOTALL)


@pytest.fixture
def company(team: Team, unique: str) -> Team:
    """A team whose recipes are in a package that no other test has."""
    (team.folder / unique).mkdir()
    return team


def write(team: Team, package: str, versions: list[str], **recipes: str) -> None:
    """Write models.yaml with one model of these versions, and recipes."""
    listed = "".join(f"      {number}: {text}\n" for number, text in enumerate(versions, start=1))
    text = f"recipes: {package}\nmodels:\n  m:\n    versions:\n{listed}    stages: {{}}\n"
    team.file.write_text(text, encoding="utf-8")
    for name, source in recipes.items():
        (team.folder / package / f"{name}.py").write_text(dedent(source), encoding="utf-8")


def run_of(team: Team, number: int) -> Any:
    """The run that a version is of."""
    return team.client.get_run(str(team.client.get_model_version("m", str(number)).run_id))


def predict(team: Team, number: int, rows: pd.DataFrame) -> list[Any]:
    """What a registered version answers, loaded as a server loads it."""
    mlflow.set_tracking_uri(team.uri)
    return list(mlflow.pyfunc.load_model(f"models:/m/{number}").predict(rows))


def test_scikit_learn_as_documented(company: Team, unique: str) -> None:
    """The other example: a format that runs no code, metrics of the test set."""
    frame = pd.DataFrame({"area": range(100), "price": [3.0 * one + 1 for one in range(100)]})
    frame.to_csv(company.folder / "prices.csv", index=False)
    write(company, unique, ["{train: price, params: {estimator: linear}}"], price=PRICE)
    company.ok("validate")
    trained = company.ok("train", "--data", "prices.csv", "--format", "json").document["trained"]
    assert trained[0]["metrics"]["test_r2"] == pytest.approx(1.0)
    assert predict(company, 1, pd.DataFrame({"area": [10.0]})) == [pytest.approx(31.0)]


PYFUNC = """
    import mlflow
    import pandas as pd
    from pydantic import BaseModel
    from {package}.rules import Threshold

    class Params(BaseModel):
        least: int

    def train(params):
        mlflow.log_metric("test_rows", 1)
        mlflow.pyfunc.log_model(
            name="model",
            python_model=Threshold(params.least),
            input_example=pd.DataFrame({{"complaints": [1, 5]}}),
            pip_requirements=["mlflow"],
        )
"""
RULES = """
    import mlflow

    class Threshold(mlflow.pyfunc.PythonModel):
        def __init__(self, least):
            self.least = least

        def predict(self, context, model_input, params=None):
            return (model_input["complaints"] >= self.least).astype(int)
"""


def test_a_pyfunc_of_the_recipe_s_own(company: Team, unique: str) -> None:
    """Its class travels with the model: it predicts where the recipe's package is not to be had."""
    versions = ["{train: rule, params: {least: 2}}", "{train: rule, params: {least: 6}}"]
    write(company, unique, versions, rule=PYFUNC.format(package=unique), rules=RULES)
    company.ok("train")
    (company.folder / unique / "rules.py").unlink()
    found = company.ok("compare", "m", "1", "2", "--format", "json").document["predictions"]
    assert found["source"] == "2 rows of the input example"
    assert [(one["old"], one["new"]) for one in found["answers"]] == [(0, 0), (1, 0)]


TWO = """
    import mlflow
    from sklearn.linear_model import LinearRegression

    def train():
        logged = []
        for name in ("first", "second"):
            model = LinearRegression(fit_intercept=name == "first").fit([[1.0], [2.0]], [3.0, 4.0])
            logged.append(mlflow.sklearn.log_model(model, name=name, pip_requirements=["mlflow"]))
        RETURN
"""


def test_several_models_and_the_one_that_is_returned(company: Team, unique: str) -> None:
    """What `train` returns says which is registered."""
    write(company, unique, ["{train: two}"], two=TWO.replace("RETURN", "return logged[0]"))
    company.ok("train")
    assert predict(company, 1, pd.DataFrame([[3.0]])) == [pytest.approx(5.0)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (TWO.replace("RETURN", ""), "the run logged 2 models; let train return what log_model"),
        ("def train(): ...", "the run logged no model; log it in train, for example with "),
        ("def train():\n    {}['colour']\n", "recipe.py:2: KeyError: 'colour'"),
        (
            "import mlflow\ndef train():\n    mlflow.end_run()\n",
            "train ended the run; remove",
        ),
    ],
)
def test_a_recipe_that_trains_no_model(
    company: Team, unique: str, source: str, expected: str
) -> None:
    """One line that names the recipe says why; nothing is registered, and the run says FAILED."""
    write(company, unique, ["{train: recipe}"], recipe=source)
    ran = company.run("train")
    assert ran.code == 1
    (line,) = [one for one in ran.err.splitlines() if one.startswith("error: ")]
    assert expected in line
    assert line.startswith("error: models.yaml:5:7: m: version 1: recipe: ")
    assert list(company.client.search_registered_models()) == []


@pytest.mark.parametrize(
    "returned", ["None", "[[1.0]], [1.0]", "frame, [1.0, 2.0, 3.0]", "frame, frame['x']"]
)
def test_a_holdout_of_another_form(company: Team, unique: str, returned: str) -> None:
    """It is refused before anything is trained or recorded."""
    source = f"""
        import pandas as pd
        frame = pd.DataFrame({{"x": [1.0, 2.0]}})
        def train(): ...
        def holdout():
            return {returned}
    """
    write(company, unique, ["{train: odd}"], odd=source)
    assert "odd: holdout must return rows and their true values" in company.run("train").err
    assert company.client.get_experiment_by_name("m") is None or not company.client.search_runs(
        [company.client.get_experiment_by_name("m").experiment_id]  # type: ignore[union-attr]
    )


ONE = """
    import mlflow
    from sklearn.linear_model import LinearRegression

    def train():
        model = LinearRegression().fit([[1.0], [2.0]], [3.0, 4.0])
        mlflow.sklearn.log_model(model, name="model", pip_requirements=["mlflow"])
"""


def test_the_commit_is_that_of_the_recipe(company: Team, unique: str) -> None:
    """Not of the engine, which may lie in another repository."""
    write(company, unique, ["{train: one}"], one=ONE)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", unique], [*identity, "commit", "-qm", "Add"]):
        subprocess.run(["git", *command], cwd=company.folder, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=company.folder, check=True, capture_output=True, text=True
    )
    ran = company.ok("train")
    tags = run_of(company, 1).data.tags
    assert tags["mlflow.source.git.commit"] == head.stdout.strip()
    assert tags["mlflow.source.git.dirty"] == "false"
    assert "not committed" not in ran.err


@pytest.mark.parametrize("change", ["a file", "a new module"])
def test_code_that_is_not_committed(company: Team, unique: str, change: str) -> None:
    """The run says so, the command warns, and whoever is shown the commit is told."""
    write(company, unique, ["{train: one}"], one=ONE)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "Add"]):
        subprocess.run(["git", *command], cwd=company.folder, check=True)
    if change == "a file":
        company.file.write_text(company.file.read_text() + "# changed\n")
    else:
        (company.folder / unique / "new.py").write_text("")
    assert company.ok("train").err.count("changes that are not committed") == 1
    assert run_of(company, 1).data.tags["mlflow.source.git.dirty"] == "true"
    assert "with uncommitted changes" in company.ok("card", "m", "1").out


def test_a_recipe_of_an_installed_distribution(
    team: Team, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is valid and trains, by its entry point, without a package beside models.yaml."""
    place = team.folder / "site-packages"
    (place / unique).mkdir(parents=True)
    (place / unique / "models.py").write_text(dedent(ONE))
    distribution(place, unique, one=f"{unique}.models")
    monkeypatch.syspath_prepend(place)
    write(team, f"{unique}_none", ["{train: one}"])
    team.ok("validate")
    team.ok("train")
    assert predict(team, 1, pd.DataFrame([[3.0]])) == [pytest.approx(5.0)]
