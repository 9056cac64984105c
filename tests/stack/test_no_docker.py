"""Without Docker: one clear line."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness.stack import ROOT

pytestmark = pytest.mark.no_docker


@pytest.mark.parametrize("verb", ["up", "down", "logs", "status", "backup", "upgrade", "db-shell"])
def test_docker_absent(verb: str, tmp_path: object) -> None:
    """Every verb says in one line that Docker is missing, and what works without it."""
    ran = subprocess.run(
        [sys.executable, "-m", "stack", verb],
        cwd=ROOT,
        env=os.environ | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: this needs Docker, but there is no `docker` command")
    assert ran.stderr.count("\n") == 1


def test_engine_absent(tmp_path: object) -> None:
    """A docker command without an engine is one line, too."""
    ran = subprocess.run(
        [sys.executable, "-m", "stack", "up"],
        cwd=ROOT,
        env=os.environ | {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith("error: this needs Docker, but no engine answers")
