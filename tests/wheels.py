"""The wheel of this checkout, and environments that it is installed in."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

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
        passed = ("PATH", "HOME", "MLGITOPS_ARTIFACT_ROOT")
        known = {name: os.environ[name] for name in passed if name in os.environ}
        return subprocess.run(
            [self.environment / "bin" / "mlgitops", *arguments],
            cwd=self.folder,
            env=known,
            capture_output=True,
            text=True,
            check=False,
        )


def wheel(folder: Path, checkout: Path = ROOT) -> Path:
    """Build the wheel of this checkout, or of another one, into a folder."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*build, "--directory", folder], cwd=checkout, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


def tiny(folder: Path, name: str, code: str) -> Path:
    """A wheel of one module, of version 1.0, in a folder."""
    about, made = f"{name}-1.0.dist-info", folder / f"{name}-1.0-py3-none-any.whl"
    texts = {
        f"{name}.py": code,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    texts[f"{about}/RECORD"] = "".join(f"{one},,\n" for one in texts)
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in texts.items():
            archive.writestr(path, text)
    return made


def installed(made: Path, folder: Path, extra: str = "") -> Installed:
    """A new environment with the wheel, at the versions of the lock."""
    environment = folder / "environment"
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    named = f"mlgitops{extra} @ {made.as_uri()}"
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
