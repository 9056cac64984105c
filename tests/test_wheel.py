"""The engine as others install it: a wheel of `mlgitops` alone, bare and with its extras."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import uv

ROOT = Path(__file__).resolve().parents[1]
MODELS = """\
models:
  churn-model:
    gates: {Production: [{metric: test_r2, min: 0.5}, {signature: compatible}]}
    stages: {Production: 1}
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
            env={**known, "PYTHONDONTWRITEBYTECODE": "1"},
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
    team.mkdir()
    (team / "models.yaml").write_text(MODELS, encoding="utf-8")
    return Installed(environment=environment, folder=team)


def test_the_wheel_holds_the_engine_alone(wheel: Path) -> None:
    """No other name is taken at the top level, and data files are there."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mlgitops"}
    data = {"image/Dockerfile", "deploy/compose.yaml", "report/templates/plan.html"}
    assert {f"mlgitops/{name}" for name in data} <= set(names)


def test_a_bare_install_validates_and_says_what_is_missing(wheel: Path, tmp_path: Path) -> None:
    """Without any extra: help, validate and edits work; each other verb names what to install."""
    bare = installed(wheel, tmp_path)
    packages = {path.name for path in (bare.environment / "lib").glob("python*/site-packages/*")}
    assert not packages & {"mlflow", "numpy", "pandas", "sklearn", "matplotlib", "uvicorn"}
    assert "GitOps for MLflow" in bare.run("--help").stdout
    valid = bare.run("validate")
    assert (valid.returncode, valid.stderr) == (0, "")
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
