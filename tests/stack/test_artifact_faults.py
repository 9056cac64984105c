"""Uploads that are cut off, and a disk that is full."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from harness.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from harness.stack import Running
    from tests.stack.conftest import Make

SIZE = 300 * 2**20
LOG_MODEL = """
import sys, mlflow
class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return model_input
with mlflow.start_run():
    mlflow.pyfunc.log_model(
        name="model", python_model=Model(), artifacts={"blob": %r}, pip_requirements=[],
        registered_model_name=%r,
    )
"""
UPLOAD = """
import mlflow
client = mlflow.MlflowClient()
run = client.create_run("0").info
client.log_artifact(run.run_id, %r)
"""
# where each server receives a file, and under which name
UNFINISHED = {
    "artifacts": ("find", "/artifacts", "-name", ".artifact.uploading.*", "-size", "+10M"),
    "mlflow": ("find", "/tmp", "-type", "f", "-size", "+10M"),  # noqa: S108 - a container's
}


def sized(path: Path, size: int) -> str:
    """A file of that many bytes."""
    with path.open("wb") as file:
        file.truncate(size)
    return str(path)


@pytest.mark.xdist_group("mended")
@pytest.mark.thorough
@pytest.mark.parametrize("service", ["artifacts", "mlflow"])
def test_killed_while_uploading(mended: Running, tmp_path: Path, service: str) -> None:
    """A server killed mid-upload leaves no READY version, no half file, and goes on afterwards."""
    stack, blob = mended, f"{service}.bin"
    program = LOG_MODEL % (sized(tmp_path / blob, SIZE), service)
    ready = f"FROM model_versions WHERE status = 'READY' AND name = '{service}'"
    client = stack.start_python(program, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    unfinished = ("exec", "-T", service, *UNFINISHED[service])
    eventually(lambda: bool(stack.compose.run(*unfinished)), within=90, every=0.05)
    stack.kill(service)
    client.communicate(timeout=120)
    assert client.returncode != 0
    assert stack.sql(f"SELECT COUNT(*) {ready}") == "0"

    stack.start(service)
    eventually(lambda: stack.health(service) == "healthy", within=180)
    eventually(lambda: not stack.compose.run(*unfinished), within=20)
    stack.python(program)
    assert stack.sql(f"SELECT version {ready}") == "1"
    whole = ("exec", "-T", "artifacts", "find", "/artifacts", "-name", blob, "-size")
    assert len(stack.compose.run(*whole, f"{SIZE}c").split()) == 1
    assert stack.compose.run(*whole, f"-{SIZE}c") == ""


@pytest.mark.thorough
def test_disk_full(make: Make, tmp_path: Path) -> None:
    """A full artifact volume is said to be full, at once; what fits is stored afterwards."""
    stack = make()
    stack.override(
        "volumes: {artifacts: {driver: local, driver_opts: "
        "{type: tmpfs, device: tmpfs, o: 'size=32m,uid=10001,gid=10001'}}}"
    )
    stack.up()
    asked = time.monotonic()
    client = stack.start_python(UPLOAD % sized(tmp_path / "too-large.bin", 64 * 2**20))
    error = client.communicate(timeout=200)[1]
    assert client.returncode != 0
    assert "No space left on device on the volume of the artifact server" in error
    assert time.monotonic() - asked < 60
    stack.python(UPLOAD % sized(tmp_path / "fits.bin", 16 * 2**20))


@pytest.mark.xdist_group("mended")
def test_missing_artifact(mended: Running) -> None:
    """A file that is not there is 404 through both servers, which no client repeats."""
    stack = mended
    path = "/api/2.0/mlflow-artifacts/artifacts/0/none/artifacts/none.txt"
    assert stack.get(path).status_code == 404
    stack.kill("artifacts")
    asked = time.monotonic()
    assert stack.get(path).status_code >= 500
    assert time.monotonic() - asked < 15
    stack.start("artifacts")
    eventually(lambda: stack.health("artifacts") == "healthy", within=180)


@pytest.mark.xdist_group("mended")
def test_no_connection_is_kept_between_the_servers(mended: Running) -> None:
    """A kept one would fail the request that is on it while the artifact server is replaced."""
    stack = mended
    assert stack.get("/api/2.0/mlflow-artifacts/artifacts?path=0").status_code == 200
    table = stack.compose.run("exec", "-T", "mlflow", "cat", "/proc/net/tcp")
    # remote address and state, in hexadecimal: Documentation/networking/proc_net_tcp of Linux
    connections = [line.split()[2:4] for line in table.splitlines()[1:]]
    established = [address for address, state in connections if state == "01"]
    assert established, "the database's, at least"
    assert not [address for address in established if int(address.split(":")[1], 16) == 5500]
