"""What docs/from-mlflow.md says of the commands that need no Docker, run as it prints them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness import from_mlflow, pages
from harness.from_mlflow import answers, command, curl, started
from mlgitops.system.ports import free_port

if TYPE_CHECKING:
    from tests.team import Team

pytestmark = [pytest.mark.no_docker, pytest.mark.xdist_group("from-mlflow")]


@pytest.fixture
def in_production(farm: Team, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A team with the gradient boosting version in Production, whose registry MLflow finds."""
    farm.stages(from_mlflow.MODEL, Production=2)
    farm.ok("apply")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", farm.uri)
    return farm


def test_each_command_of_the_page_is_known() -> None:
    """The tests here and in tests/stack run all of them: another one needs a test too."""
    for one in pages.commands(from_mlflow.PAGE):
        fitting = [p for p in from_mlflow.COMMANDS if re.fullmatch(p, one, re.DOTALL)]
        assert len(fitting) == 1, one


def test_mlflow_serves_and_refuses_the_bare_list(in_production: Team) -> None:
    """Four endpoints answer; the bare list gets 400 with the words of the page, its key helps."""
    port, log = free_port(), in_production.folder / "log"
    with started(command(from_mlflow.LOCAL_SERVE, port), log) as process:
        assert answers(process, port), log.read_text()
        assert from_mlflow.endpoints(port) == {"ping": 200, "health": 200, "version": 200}
        status, refusal = curl(from_mlflow.BARE_CURL, port)
        assert status == 400
        assert "The input must be a JSON dictionary" in refusal["message"]
        status, answer = curl(from_mlflow.KEYED_CURL, port)
        assert (status, len(answer["predictions"])) == (200, 1)


@pytest.mark.usefixtures("in_production")
def test_the_plain_command_needs_pyenv() -> None:
    """Without it, it stops before it serves, with the words of the page."""
    path = [p for p in os.environ["PATH"].split(os.pathsep) if not (Path(p) / "pyenv").exists()]
    ran = subprocess.run(
        ["bash", "-c", command(from_mlflow.PLAIN_SERVE, free_port())],
        env=pages.environment(path),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert ran.returncode != 0
    assert "Could not find the pyenv binary" in ran.stderr
