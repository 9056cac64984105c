"""The demo on the stack."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness.stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stack.conftest import Make


@pytest.mark.thorough
def test_demo(make: Make, repository: str, tmp_path: Path) -> None:
    """It trains, promotes, serves from a container and rolls back; the stack stays up."""
    built = {f"STACK_{name.upper()}_IMAGE": f"{repository}/{name}" for name in ("mlflow", "db")}
    stack = make(STACK_MLFLOW_WORKERS="2", **built)
    command = ["-m", "stack.demo", "--stack", "compose", "--state", str(tmp_path / "state")]
    ran = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=stack.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    assert f"tracking server at {stack.compose.uri}" in ran.stdout
    assert ran.stdout.count("$ mlgitops plan") == 1
    said = (tmp_path / "state" / "demo.log").read_text()
    assert "in a container on the network" in said
    assert "version 2 answers" in said
    services = stack.compose.services()
    assert "serve" not in services
    assert services["mlflow"].ready
    model = stack.get("/api/2.0/mlflow/registered-models/get?name=power-forecasting-model").json()
    aliases = {a["alias"]: a["version"] for a in model["registered_model"]["aliases"]}
    assert aliases == {"staging": "2", "production": "1"}
