"""The embedded default: a registry in one folder (SQLite and artifacts), without Docker.

A command opens the database in its own process, which takes no time to start; `server` puts
MLflow's tracking server in front of the same folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from mlgitops.errors import RegistryStartError
from mlgitops.system.processes import ended, free_port, last_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_READY = "/api/2.0/mlflow/registered-models/search"  # /health is green before the API answers


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """The folder that holds the database, the artifacts and the server's log."""

    folder: Path

    @property
    def uri(self) -> str:
        """The database's address; its folder is made if it is missing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{self.folder.resolve() / 'mlflow.db'}"

    @property
    def artifacts(self) -> str:
        """Where runs of this registry keep their artifacts, as a file URI."""
        return (self.folder.resolve() / "artifacts").as_uri()

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.folder / "server.log"

    def prepare_experiment(self, name: str) -> None:
        """Make an experiment whose runs keep their artifacts in the folder, unless it exists."""
        import mlflow

        client = mlflow.MlflowClient(tracking_uri=self.uri)
        if client.get_experiment_by_name(name) is None:
            client.create_experiment(name, artifact_location=f"{self.artifacts}/{name}")

    def command(self, port: int) -> list[str]:
        """The tracking server's command line: one worker, loopback only."""
        return [
            *(sys.executable, "-m", "mlflow", "server"),
            *("--backend-store-uri", self.uri),
            *("--default-artifact-root", self.artifacts),
            *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        ]


@contextmanager
def server(embedded: Embedded, *, timeout: float = 120.0) -> Iterator[str]:
    """Run a tracking server on a free loopback port; yields its URL once the API answers.

    Args:
        embedded: the registry to serve.
        timeout: seconds to wait for the first answer.

    Raises:
        RegistryStartError: it stopped by itself or did not answer in time; with its last lines.
    """
    port = free_port()
    command = embedded.command(port)
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with embedded.log.open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    with ended(process):
        url = f"http://127.0.0.1:{port}"
        _wait(process, url, embedded.log, timeout)
        yield url


def _wait(process: subprocess.Popen[bytes], url: str, log: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(url + _READY, timeout=5).ok:
                return
        except requests.RequestException:
            pass  # not listening yet
        time.sleep(0.1)
    how = "did not answer in time" if process.poll() is None else "stopped"
    raise RegistryStartError(f"the embedded registry {how}; its last lines:\n{last_lines(log)}")
