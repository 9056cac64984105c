"""`mlgitops serve`, as the write-up runs it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from harness import from_mlflow, pages
from harness.waiting import eventually
from mlgitops.system.http import is_up
from mlgitops.system.ports import free_port

if TYPE_CHECKING:
    from tests.team import Team

WIND = "power-forecasting-model"


@pytest.mark.no_docker
def test_serve_runs_until_it_is_asked_to_stop(farm: Team) -> None:
    """`mlgitops serve` answers the write-up's request, and SIGTERM ends it with exit code 0.

    It is served from a folder of its own, which is gone afterwards.
    """
    farm.stages(WIND, Production=2)
    farm.ok("apply")
    farm.ok("pin")
    scratch = farm.folder / "scratch"
    scratch.mkdir()
    port = free_port()
    process = subprocess.Popen(
        shlex.split(from_mlflow.command(from_mlflow.OUR_SERVE, port)),
        cwd=farm.folder,
        env={**pages.environment(), "TMPDIR": str(scratch)},
        stderr=subprocess.PIPE,
    )
    try:
        record = json.loads(READING)
        predictions = _ask(process, f"http://127.0.0.1:{port}", [record])
        assert len(predictions) == 1
        assert 0 <= predictions[0] <= 20_000
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode == 0
    assert f"serving models:/{WIND}/2 (Production)" in errors.decode()
    assert list(scratch.iterdir()) == []


READING = (
    '{"temperature_00": 8.875944, "wind_direction_00": 97.246960, "wind_speed_00": 11.665322, '
    '"temperature_08": 11.955358, "wind_direction_08": 98.636955, "wind_speed_08": 12.240791, '
    '"temperature_16": 14.668171, "wind_direction_16": 112.411930, "wind_speed_16": 9.737414}'
)


def _ask(process: subprocess.Popen[bytes], url: str, records: list[Any]) -> list[float]:
    from mlgitops.serve.smoke import predict

    eventually(lambda: process.poll() is not None or is_up(f"{url}/ping"), within=90, every=0.2)
    return predict(url, records)
