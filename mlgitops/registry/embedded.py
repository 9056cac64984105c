"""The embedded default: a registry in one folder (SQLite and artifacts), without Docker.

A command opens the database in its own process, which takes no time to start; `server` puts
MLflow's tracking server in front of the same folder.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors.registry import RegistryStartError
from mlgitops.system import http, waiting
from mlgitops.system.ports import LOOPBACK, free_port
from mlgitops.system.processes import started

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
        """The database's address; its folder is made if it is missing.

        Raises:
            RegistryStartError: it cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RegistryStartError(
                f"the embedded registry needs a folder, but {self.folder} cannot be one: "
                f"{error.strerror}; pass another with --state"
            ) from error
        return f"sqlite:///{self._database.resolve()}"

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever written to it."""
        return not self._database.exists()

    @property
    def _database(self) -> Path:
        return self.folder / "mlflow.db"

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
            *("--host", LOOPBACK, "--port", str(port), "--workers", "1"),
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
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with started(embedded.command(port), embedded.log, environment=environment) as running:
        url = f"http://{LOOPBACK}:{port}"
        waiting.until_ready(
            "the embedded registry",
            running,
            lambda: http.is_up(url + _READY),
            timeout=timeout,
            error=RegistryStartError,
        )
        yield url
