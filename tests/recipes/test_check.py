"""`mlgitops validate` holds recipes against models.yaml, in a process without secrets."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from mlgitops.file.load import loads
from mlgitops.recipes.check import check_recipes

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.recipes.check import Findings
    from tests.team import Team


def write(team: Team, unique: str, versions: dict[int, str], **recipes: str) -> None:
    """Write a models.yaml with these versions, and a package of recipes beside it."""
    listed = "".join(f"      {number}: {text}\n" for number, text in versions.items())
    text = f"recipes: {unique}\nmodels:\n  wind:\n    versions:\n{listed}    stages: {{}}\n"
    team.file.write_text(text, encoding="utf-8")
    (team.folder / unique).mkdir(exist_ok=True)
    for name, source in recipes.items():
        (team.folder / unique / f"{name}.py").write_text(dedent(source), encoding="utf-8")


CHURN = """
    from pydantic import BaseModel
    class Params(BaseModel):
        rounds: int = 100
    def train(params): ...
"""


def test_every_problem_of_recipes_comes_at_once_with_its_line(team: Team) -> None:
    """No such recipe, no recipe at all, parameters that it does not take."""
    team.write(
        """\
        models:
          wind:
            versions:
              1: {train: tracking, params: {banana: 3}}
              2: {train: power_forecasting, params: {estimator: linear, max_itr: 3, seed: x}}
              3: {train: tumor_diagnosis, params: {estimator: extra_trees}}
              4: {train: windfarm}
            stages: {}
        """
    )
    ran = team.run("validate")
    assert ran.code == 1
    known = "(known: power_forecasting, tumour_diagnosis)"
    assert ran.err.splitlines() == [
        f"error: models.yaml:4:7: wind: version 1: {line}"
        for line in [f"there is no recipe 'tracking' {known}"]
    ] + [
        f"error: models.yaml:5:7: wind: version 2: power_forecasting: {line}"
        for line in (
            "seed: should be a valid integer, got 'x'",
            "max_itr: unknown parameter; did you mean 'max_iter'?",
        )
    ] + [
        "error: models.yaml:6:7: wind: version 3: there is no recipe 'tumor_diagnosis'; "
        f"did you mean 'tumour_diagnosis'? {known}",
        f"error: models.yaml:7:7: wind: version 4: there is no recipe 'windfarm' {known}",
    ]  # fmt: skip


def test_problems_of_recipes_are_in_json_too(team: Team, unique: str) -> None:
    """As those of the file's form are, with line and model."""
    write(team, unique, {1: "{train: churn, params: {banana: 3}}"}, churn=CHURN)
    (problem,) = team.run("validate", "--format", "json").document["problems"]
    assert (problem["model"], problem["line"]) == ("wind", 5)
    assert "banana: unknown parameter; known are rounds" in problem["message"]


def test_a_recipe_of_the_team_s_own_is_valid(team: Team, unique: str) -> None:
    """And its default parameters are."""
    write(team, unique, {1: "{train: churn}"}, churn=CHURN)
    ran = team.ok("validate")
    assert (ran.out, ran.err) == ("models.yaml is valid: 1 model, 0 stages\n", "")


def test_a_package_that_is_missing_here_is_a_warning(team: Team, unique: str) -> None:
    """It names the package and the recipe; what is wrong with others is an error."""
    versions = {1: "{train: deep}", 2: "{train: churn, params: {x: 1}}"}
    write(team, unique, versions, churn=CHURN, deep="import nowhere.deep\ndef train(): ...")
    ran = team.run("validate")
    assert ran.code == 1
    first, second = ran.err.splitlines()
    assert first == (
        "warning: models.yaml:5:7: wind: version 1: deep: it imports nowhere, which is not "
        "installed here; install nowhere"
    )
    assert second.startswith("error: models.yaml:6:7: wind: version 2: churn: x: unknown")
    write(team, unique, {1: "{train: deep}"})
    assert team.ok("validate").err.startswith("warning: ")


def test_a_module_that_fails_is_an_error(team: Team, unique: str) -> None:
    """Also one that misses a module of its own package."""
    sources = {
        "broken": "1 / 0\ndef train(): ...",
        "partial": f"from {unique} import nothing\ndef train(): ...",
    }
    write(team, unique, {1: "{train: broken}", 2: "{train: partial}"}, **sources)
    ran = team.run("validate")
    assert ran.code == 1
    assert "broken: cannot import its module: ZeroDivisionError: " in ran.err
    assert "partial: cannot import its module: ImportError: " in ran.err


def test_recipes_see_no_secrets_and_print_nothing(
    team: Team, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables that find libraries are there, others are not; standard output is the report's."""
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    source = """
        import os
        print("hello")
        assert "PATH" in os.environ
        assert "hunter2" not in os.environ.values()
        def train(): ...
    """
    write(team, unique, {1: "{train: spy}"}, spy=source)
    ran = team.ok("validate", "--format", "json")
    assert ran.document["problems"] == []


def checked(team: Team, timeout: float) -> Findings:
    """What is found in the team's models.yaml."""
    return check_recipes(loads(team.file.read_text(), "models.yaml"), timeout=timeout)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import time\ntime.sleep(60)\ndef train(): ...", "no answer within 5 s"),
        ("import os\nos._exit(0)\ndef train(): ...", "its process ended before it answered"),
        (
            "import os\nos.write(3, b'{\"answer\": {}}\\n{}\\n')\nos._exit(0)\ndef train(): ...",
            "its answer cannot be read",
        ),
    ],
)
def test_a_module_that_hangs_or_ends_the_process_or_answers_itself_is_named(
    team: Team, unique: str, source: str, expected: str
) -> None:
    """What was checked before it stays checked."""
    versions = {1: "{train: churn, params: {x: 1}}", 2: "{train: slow}"}
    write(team, unique, versions, churn=CHURN, slow=source)
    first, second = checked(team, timeout=5.0).problems
    assert "version 1: churn: x: unknown parameter" in first.message
    assert f"version 2: slow: its module could not be imported: {expected}" in second.message


def test_no_process_where_no_recipe_is(team: Team) -> None:
    """Nothing can take too long."""
    team.stages(Production=1)
    assert checked(team, timeout=0.0).problems == ()


BARE = """
import sys
class Bare:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"mlflow", "pandas", "numpy", "sklearn", "skops"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Bare())
"""


def test_it_works_without_the_libraries_that_train(team: Team) -> None:
    """No module of ours asks for MLflow, pandas or scikit-learn, nor do this team's recipes."""
    (team.folder / "sitecustomize.py").write_text(BARE)
    team.write(
        """
        models:
          wind:
            versions: {1: {train: power_forecasting, params: {estimator: quantum}}}
            stages: {}
        """
    )
    ran = _in_folder(team.folder, "validate")
    assert ran.returncode == 1
    assert "estimator: should be 'linear', 'random_forest'" in ran.stderr
    assert "warning" not in ran.stderr


def _in_folder(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    import os

    paths = os.pathsep.join([str(folder), *sys.path])
    return subprocess.run(
        [sys.executable, "-m", "mlgitops", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
