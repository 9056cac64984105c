"""Repositories that `mlgitops init` makes, with the wheel in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv

from harness import pages
from tests import wheels

if TYPE_CHECKING:
    from tests.team import Team

pytestmark = [
    pytest.mark.no_docker,
    pytest.mark.xdist_group("act"),
    pytest.mark.timeout(900),
]
INSTALL, CLONE, ENTER, INIT, PLAN = pages.commands("adopting.md")
CONSTRAINTS = wheels.ROOT / "requirements" / "runtime.txt"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A person's machine: commands run in a shell that knows only what was installed there."""

    home: Path
    wheel: Path

    def run(self, command: str, folder: Path, *, code: int = 0) -> str:
        """Run a command of the page, and return what it printed."""
        tools = (self.home / "bin", Path(uv.find_uv_bin()).parent)
        ours = ("MLFLOW_", "MLGITOPS_", "GITHUB_", "PYTHON", "VIRTUAL_ENV", "COV_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env={
                **kept,
                "PATH": os.pathsep.join([*map(str, tools), "/usr/bin", "/bin"]),
                "UV_TOOL_DIR": str(self.home / "tools"),
                "UV_TOOL_BIN_DIR": str(self.home / "bin"),
                "UV_CONSTRAINT": str(CONSTRAINTS),
                "UV_PYTHON": f"{sys.version_info[0]}.{sys.version_info[1]}",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout[-4000:]
        return done.stdout


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """One on which the first command of the page has run, with the wheel of this checkout."""
    folder = tmp_path_factory.mktemp("machine")
    made = Machine(home=folder, wheel=wheels.wheel(folder))
    named = f"mlgitops[all] @ {made.wheel.as_uri()}"
    assert INSTALL == "uv tool install 'mlgitops[all]'"
    made.run(INSTALL.replace("mlgitops[all]", named), folder)
    return made


def test_five_commands_from_nothing_to_the_first_plan(machine: Machine, remote: Team) -> None:
    """Install, clone an empty repository, enter, init, plan: the plan is empty, nothing moves."""
    remote.versions(2, "adopted-model")
    remote.client.set_registered_model_alias("adopted-model", "production", "1")
    url = os.environ["MLFLOW_TRACKING_URI"]
    origin = remote.folder / "acme" / "farm-models"
    subprocess.run(["git", "init", "--quiet", "--bare", str(origin)], check=True)

    machine.run(CLONE.replace("https://github.com/acme/farm-models", str(origin)), remote.folder)
    assert ENTER == "cd farm-models"
    farm = remote.folder / "farm-models"
    made = machine.run(INIT.replace("https://mlflow.example.org", url), farm)
    assert "wrote " in made
    planned = machine.run(PLAN.replace("https://mlflow.example.org", url), farm)
    assert "No changes" in planned
    assert "adopted-model:\n    stages:\n      Production: 1" in (farm / "models.yaml").read_text()
    lock = (farm / "requirements/mlgitops.txt").read_text()
    assert f"mlgitops @ {machine.wheel.as_uri()} \\\n    --hash=sha256:" in lock
    assert remote.aliases("adopted-model") == {"production": 1}
    assert remote.tag(1, "Production", "adopted-model") is None


@pytest.mark.thorough
def test_init_and_demo_in_an_empty_environment(machine: Machine, tmp_path: Path) -> None:
    """The whole loop runs on the example that init wrote; its files are as they were."""
    machine.run("mlgitops init farm", tmp_path)
    farm = tmp_path / "farm"
    before = {path: path.read_bytes() for path in farm.rglob("*") if path.is_file()}
    told = machine.run("mlgitops demo", farm)
    assert "models:/example-model@production resolves to version 2" in told
    assert "models:/example-model/Production resolves to version 1" in told
    assert "version 2 answers" in told
    assert all(path.read_bytes() == held for path, held in before.items())
    assert "in sync" in machine.run("mlgitops status", farm)
