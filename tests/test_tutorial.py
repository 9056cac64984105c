"""docs/tutorial.md, run from its first command to its last in a new clone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness import pages

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT, PATH, BRANCH, *STEPS, SITE = pages.commands("tutorial.md")
pytestmark = [pytest.mark.thorough, pytest.mark.timeout(900)]


@pytest.fixture(name="clone")
def _clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def test_every_step_of_the_tutorial_works(clone: Path) -> None:
    """What it promises comes out: two versions in the history, then version 1 again."""
    assert ENVIRONMENT == "python3 -I noxfile.py -s environment"  # every other test runs in it
    assert PATH.startswith("export PATH=")
    said = {step: _run(clone, step) for step in [BRANCH, *STEPS]}
    assert "+      Production: 2" in said["git diff"]
    history = said["mlgitops history power-forecasting-model Production"]
    assert "lower error in winter" in history
    assert "drift" not in said["mlgitops status"].lower()
    assert "1 → 2" not in _run(clone, "mlgitops plan")
    assert SITE.endswith(" --serve")
    _run(clone, SITE.removesuffix(" --serve"))
    page = clone / ".mlgitops" / "site" / "models" / "power-forecasting-model.html"
    assert "lower error in winter" in page.read_text(encoding="utf-8")


def _run(folder: Path, command: str) -> str:
    """Run one command as a person would, and return what it printed."""
    ours = ("MLFLOW_", "MLGITOPS_", "GITHUB_")
    kept = {k: v for k, v in pages.environment().items() if not k.startswith(ours)}
    who = {"NAME": "Ada", "EMAIL": "ada@example.org"}
    author = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in who.items()}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**kept, **author, "HOME": os.devnull},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}"
    return done.stdout
