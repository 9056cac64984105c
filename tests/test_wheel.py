"""The engine as others install it: a wheel of `mlgitops` alone, bare and with its extras."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uv

if TYPE_CHECKING:
    from tests.proxy import Proxy
    from tests.team import Team

ROOT = Path(__file__).resolve().parents[1]
MODELS = """\
models:
  churn-model:
    gates: {Production: [{metric: test_r2, min: 0.5}, {signature: compatible}]}
    stages: {Production: 1}
"""


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


@dataclass(frozen=True, kw_only=True)
class Installed:
    """An environment with the wheel in it, and a folder that is no clone of this repository."""

    environment: Path
    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `mlgitops`, without anything of this checkout on its path."""
        known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            [self.environment / "bin" / "mlgitops", *arguments],
            cwd=self.folder,
            env=known,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*build, "--directory", folder], cwd=ROOT, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


def installed(wheel: Path, folder: Path, extra: str = "") -> Installed:
    """A new environment with the wheel, at the versions of the lock."""
    environment = folder / "environment"
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    named = f"mlgitops{extra} @ {wheel.as_uri()}"
    where: list[str | Path] = [
        "--python",
        environment,
        "--constraint",
        ROOT / "requirements" / "runtime.txt",
    ]
    for command in (["venv", "--python", python, environment], ["pip", "install", *where, named]):
        subprocess.run([uv.find_uv_bin(), *command], check=True, capture_output=True)
    team = folder / "team"
    team.mkdir(parents=True)
    (team / "models.yaml").write_text(MODELS, encoding="utf-8")
    return Installed(environment=environment, folder=team)


def test_the_wheel_holds_the_engine_alone(wheel: Path) -> None:
    """No other name is taken at the top level, and data files are there."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mlgitops"}
    data = {"image/Dockerfile", "deploy/compose.yaml", "report/templates/plan.html"}
    assert {f"mlgitops/{name}" for name in data} <= set(names)


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel without any extra."""
    return installed(wheel, tmp_path_factory.mktemp("bare"))


@pytest.mark.xdist_group("server")
def test_a_bare_install_validates_and_says_what_is_missing(bare: Installed) -> None:
    """Without any extra: help, validate and edits work; each other verb names what to install."""
    packages = {path.name for path in (bare.environment / "lib").glob("python*/site-packages/*")}
    assert not packages & {"mlflow", "numpy", "pandas", "sklearn", "matplotlib", "uvicorn"}
    assert "from Git" in bare.run("--help").stdout
    valid = bare.run("validate")
    assert (valid.returncode, valid.stderr) == (0, "")
    (bare.folder / "broken.yaml").write_text("models: 1\n", encoding="utf-8")
    broken = bare.run("validate", "--file", "broken.yaml", "--report", "broken.html")
    assert broken.returncode == 1
    assert "broken.yaml:1" in broken.stderr
    assert "broken.yaml:1" in (bare.folder / "broken.html").read_text(encoding="utf-8")
    assert bare.run("promote", "churn-model", "Production", "2").returncode == 0
    assert "Production: 2" in (bare.folder / "models.yaml").read_text(encoding="utf-8")
    for verb, extra in {
        ("plan", "--quick"): "review",
        ("status",): "review",
        ("train",): "train",
        ("image", "build", "churn-model", "2"): "image",
    }.items():
        ran = bare.run(*verb)
        assert ran.returncode == 1, ran
        assert f"pip install 'mlgitops[{extra}]'" in ran.stderr.splitlines()[-1]
        assert "Traceback" not in ran.stderr


@pytest.mark.xdist_group("server")
def test_a_bare_install_reconciles_a_server(remote: Team, proxied: Proxy, bare: Installed) -> None:
    """Without MLflow, a registry behind HTTP is imported, planned, applied and recorded."""
    team = Installed(environment=bare.environment, folder=remote.folder)
    remote.versions(2, "bare-model")
    remote.client.set_registered_model_alias("bare-model", "champion", "1")

    def ok(*arguments: str) -> str:
        ran = team.run(*arguments, "--registry", proxied.url)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    ok("import")
    assert "champion: 1" in remote.file.read_text(encoding="utf-8")
    text = remote.file.read_text(encoding="utf-8").replace("stages: [", "stages: [Production, ", 1)
    remote.write(text)
    team.run("promote", "bare-model", "Production", "2")
    assert "Production: empty → 2" in ok("plan", "--quick")
    applied = ok("apply", "--actor", "ada")
    assert "/#/runs/" in applied, "it is not recorded"
    assert "incomplete" not in applied
    assert remote.aliases("bare-model") == {"champion": 1, "production": 2}
    assert remote.classic("Production", "bare-model") == 2
    assert "in sync" in ok("status")


def test_a_recipe_of_another_company(wheel: Path, tmp_path: Path) -> None:
    """With all extras: validate, train, plan, apply and compare beside a models.yaml of its own."""
    company = installed(wheel, tmp_path, "[all]")
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
