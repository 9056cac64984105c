"""The two that are measured: mlgitops as it is here, and as it was at one commit, beside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.reconcile import seed
from harness.costs import Cost, measured

if TYPE_CHECKING:
    from benchmarks.reconcile.seed import Stamper

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "dce1b42"
_NOT_PASSED_ON = ("MLFLOW_", "MLGITOPS_", "GITHUB_", "PYTHON")


def environment() -> dict[str, str]:
    """The variables of what is measured: without those that would steer it."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
    return kept | {"MLFLOW_DISABLE_TELEMETRY": "true"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """A program that is measured.

    Attributes:
        home: the folder of its source, which holds its package and its recipes.
        python: the interpreter whose packages it uses.
        stamped: writes a stamp in its form.
    """

    name: str
    home: Path
    python: Path
    package: str
    stamped: Stamper

    def run(self, *arguments: str, folder: Path, registry: str = "", timeout: float = 900) -> Cost:
        """Run one of its verbs.

        Raises:
            CommandFailedError: it failed, or took longer.
        """
        named = {"MLFLOW_TRACKING_URI": registry} if registry else {}
        return measured(
            [str(self.python), "-m", self.package, *arguments],
            folder=folder,
            environment=environment() | named | {"PYTHONPATH": str(self.home)},
            timeout=timeout,
        )


def here() -> Engine:
    """What this repository holds."""
    python = Path(sys.executable)
    return Engine(name="mlgitops", home=ROOT, python=python, package="mlgitops", stamped=seed.ours)


def before(folder: Path) -> Engine:
    """What it was at the commit, with the packages of that commit's own lock.

    It is installed into a folder once, and found there by every later run.
    """
    home, venv = folder / COMMIT / "source", folder / COMMIT / "venv"
    python, done = venv / "bin" / "python", folder / COMMIT / ".complete"
    if not done.exists():
        shutil.rmtree(folder / COMMIT, ignore_errors=True)
        home.mkdir(parents=True)
        _unpack(home)
        uv = [str(Path(sys.executable).with_name("uv"))]
        lock = str(home / "requirements" / "runtime.txt")
        _do(*uv, "venv", "--quiet", "--python", sys.executable, str(venv))
        install = ("pip", "install", "--quiet", "--compile-bytecode", "--python", str(python))
        _do(*uv, *install, "--require-hashes", "-r", lock)
        _do(str(python), "-m", "compileall", "-q", str(home / _package(home)))
        done.touch()
    package = _package(home)
    stamped = partial(seed.before, package)
    return Engine(name="before", home=home, python=python, package=package, stamped=stamped)


def _package(home: Path) -> str:
    """The package's name at a commit, as it says itself: it had another one."""
    text = (home / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["name"])


def _unpack(home: Path) -> None:
    """Write the commit's files; a clone without its whole history does not have them."""
    archive = ["git", "-C", str(ROOT), "archive", COMMIT]
    packed = subprocess.run(archive, check=True, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", str(home)], input=packed.stdout, check=True)


def _do(*command: str) -> None:
    subprocess.run(command, check=True)
