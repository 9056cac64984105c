"""From a repository that `mlgitops init` made with an earlier wheel to the present."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mlgitops import __version__
from mlgitops.scaffold import kept, lock
from mlgitops.system import git
from tests import wheels
from tests.system.test_git import WHO

if TYPE_CHECKING:
    from pathlib import Path

EARLIER = "535c275c913844596113a13107512dbe1faded0e"  # it has `init`, and no dependabot.yml
ENGINE = "mlgitops[all]==0.1.0"
pytestmark = [
    pytest.mark.no_docker,
    pytest.mark.skipif(
        git.ask(wheels.ROOT, "cat-file", "-e", f"{EARLIER}^{{commit}}") is None,
        reason="a shallow clone does not have the earlier commit",
    ),
]
PLAN, TRAIN = ".github/workflows/plan.yml", ".github/workflows/train.yml"


def upgrade(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `mlgitops upgrade` of this checkout in a repository."""
    command = [sys.executable, "-m", "mlgitops", "upgrade"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_repository_of_an_earlier_wheel_is_upgraded(tmp_path: Path) -> None:
    """A team's edits and deletions stay, and all else is what `init` makes now."""
    checkout = tmp_path / "earlier"
    with git.reading(wheels.ROOT, "archive", "--format=tar", EARLIER) as packed:
        files = io.BytesIO(packed.read())
    with tarfile.open(fileobj=files) as archive:
        archive.extractall(checkout, filter="data")
    installed = wheels.installed(wheels.wheel(tmp_path / "dist", checkout), tmp_path)
    farm = tmp_path / "farm"
    (farm / "requirements").mkdir(parents=True)
    (farm / lock.INPUT).write_text(f"{ENGINE}\n", encoding="utf-8")
    (farm / lock.LOCK).write_text(f"{ENGINE} --hash=sha256:00\n", encoding="utf-8")
    made = replace(installed, folder=farm).run("init", "--engine", ENGINE)
    assert made.returncode == 0, made.stderr

    def commit() -> None:
        git.run(farm, "add", "--all")
        git.run(farm, "commit", "--quiet", "--message", "Edit", environment=WHO)

    git.run(farm, "init", "--quiet")
    plan = (farm / PLAN).read_text(encoding="utf-8")
    (farm / PLAN).write_text(plan.replace("name: Plan\n", "name: Ours\n", 1), encoding="utf-8")
    (farm / TRAIN).unlink()
    commit()

    ran = upgrade(farm)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    after = kept.read(farm)
    assert after is not None
    assert after.version == __version__
    assert ".github/dependabot.yml" in after.files
    for path, text in after.files.items():
        if path == TRAIN:
            assert not (farm / path).exists()
        else:
            ours = text.replace("name: Plan\n", "name: Ours\n", 1) if path == PLAN else text
            assert (farm / path).read_text(encoding="utf-8") == ours, path
    commit()
    assert upgrade(farm).stdout == f"nothing to upgrade to mlgitops {__version__}\n"
