"""The embedded registry: a folder, with or without a server in front of it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors.registry import RegistryStartError
from mlgitops.registry.embedded import Embedded, server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.team import Team


@pytest.mark.xdist_group("server")
def test_server_and_folder_are_the_same_registry(remote: Team) -> None:
    """What is written to the database is read over HTTP, and the other way round."""
    remote.versions(1, "same")
    remote.stages("same", Production=1)
    remote.ok("apply")
    ran = remote.run("plan", "--exit-code", "--registry", remote.uri)
    assert (ran.code, "No changes" in ran.out) == (0, True)


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    """A database of another program is refused with the server's own last lines."""
    embedded = Embedded(folder=tmp_path)
    (tmp_path / "mlflow.db").write_text("this is no database")
    with pytest.raises(RegistryStartError, match="registry stopped") as caught, server(embedded):
        pytest.fail("it cannot have started")
    assert "file is not a database" in str(caught.value)


def test_a_server_that_is_too_slow_is_ended(tmp_path: Path) -> None:
    """Nothing listens any more once the time is over."""
    embedded = Embedded(folder=tmp_path)
    failing = pytest.raises(RegistryStartError, match=r"did not answer within 0\.2 s")
    with failing, server(embedded, timeout=0.2):
        pytest.fail("it cannot have started")
    assert _processes_that_use(tmp_path) == ""


def _processes_that_use(folder: Path) -> str:
    """The command lines that name a folder."""
    command = ["pgrep", "--full", "--list-full", str(folder)]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout


def test_the_default_is_a_folder_beside_models_yaml(team: Team) -> None:
    """Without an address the registry is in .mlgitops, and a line says so."""
    team.versions(1)
    team.stages(Production=1)
    said = "using the embedded registry in .mlgitops"
    assert f"{said}; for another" in team.ok("apply").err
    assert f"{said}-2, which is new and empty; " in team.ok("status", "--state", ".mlgitops-2").err
    assert team.aliases() == {"production": 1}
