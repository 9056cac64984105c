"""`mlgitops run-recipe`: a single recipe, without models.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlflow
import pytest

from mlgitops.cli import run
from mlgitops.recipes.package import RecipePackage
from tests.training.windfarm_text import line, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Main = Callable[[list[str]], int]


@pytest.fixture
def main(database: str) -> Main:
    """The verb, whose runs go to the database; it returns its exit code."""
    return lambda arguments: run(["run-recipe", "--registry", database, *arguments])


def test_training_prints_one_value_per_line(
    main: Main, experiment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run, model, metrics, and the version where it is registered."""
    arguments = ["--param", "estimator=linear", "--param", "features=[wind_speed_08]"]
    arguments += ["--experiment", experiment, "--register", "from-the-command-line"]
    assert main(["power_forecasting", *arguments]) == 0
    printed = dict(one.split(" ", 1) for one in capsys.readouterr().out.splitlines())
    assert printed["version"] == "1"
    assert float(printed["test_r2"]) > 0.5
    run = mlflow.get_run(printed["run"])
    assert run.data.params["features"] == "wind_speed_08"
    assert mlflow.models.get_model_info(printed["model"]).run_id == run.info.run_id


def test_a_recipe_of_another_package(
    main: Main, experiment: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--package` names it; it is looked for in the current folder."""
    package = tmp_path / f"company_{tmp_path.name}"
    package.mkdir()
    (package / "churn.py").write_text("def train():\n    1 / 0\n")
    assert main(["churn", "--package", package.name, "--experiment", experiment]) == 1
    assert f"{package.name}/churn.py:2: ZeroDivisionError" in capsys.readouterr().err


def test_help_names_the_recipes_and_shows_examples(
    main: Main, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reader of --help can copy a line and run it."""
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "mlgitops run-recipe power_forecasting --param estimator=linear" in out
    assert all(name in out for name in RecipePackage().names())


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["chrun"], 1, "error: there is no recipe 'chrun'"),
        (["power_forecasting"], 1, "estimator: missing; add it"),
        (["power_forecasting", "--param", "estimator=linear", "--data", "absent.csv"], 1, "absent"),
        (["tumour_diagnosis", "--param", "estimator=extra_trees", "--data", "x"], 1, "its own"),
        (["power_forecasting", "--param", "linear"], 64, "is not KEY=VALUE"),
        (["power_forecasting", "--param", "=linear"], 64, "is not KEY=VALUE"),
        (["power_forecasting", "--param", "a=1", "--param", "a=2"], 64, "given twice"),
        (["power_forecasting", "--param", "a=[1"], 64, "not a YAML value"),
        (["power_forecasting", "--nope"], 64, "No such option"),
        ([], 64, "Missing argument"),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(
    main: Main,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    expected: str,
) -> None:
    """No stack trace; nothing on standard output."""
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert expected in err
    assert "Traceback" not in err
    assert len([one for one in err.splitlines() if "rror:" in one]) == 1


def test_problems_of_a_file_are_one_line_each(
    main: Main, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A heading that counts them, then one line per problem."""
    file = tmp_path / "windfarm.csv"
    file.write_text(text([line("2014-01-01", power="x"), line("2014-01-02", power="-1")]))
    assert main(["power_forecasting", "--param", "estimator=linear", "--data", str(file)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 3
