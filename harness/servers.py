"""MLflow's own tracking server, of this environment or of MLflow 2, on SQLite or MySQL."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pymysql

from mlgitops.errors import HttpError
from mlgitops.errors.registry import RegistryStartError
from mlgitops.system import docker, waiting
from mlgitops.system.http import HttpClient
from mlgitops.system.ports import LOOPBACK, free_port
from mlgitops.system.processes import started

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
MLFLOW_3 = Path(sys.executable)
MLFLOW_2 = ROOT / ".nox" / "mlflow2" / "bin" / "python"  # of `nox -s mlflow2`
_API = "/api/2.0/mlflow/registered-models/search"
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def sqlite(folder: Path) -> str:
    """The address of a database in a folder."""
    return f"sqlite:///{folder / 'mlflow.db'}"


@contextmanager
def server(
    folder: Path,
    *,
    python: Path = MLFLOW_3,
    store: str | None = None,
    prefix: str = "",
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    timeout: float = 180,
) -> Iterator[str]:
    """Run a server with one worker on a free loopback port; yields its URL once its API answers.

    Args:
        folder: keeps its artifacts, its log, and its database unless `store` is given.
        python: the interpreter whose MLflow it is.
        store: the address of its database.
        prefix: the path below which it answers, such as `/team`.
        arguments: more of `mlflow server`.
        environment: variables on top of those of this process.
        timeout: seconds to wait for the first answer.

    Raises:
        RegistryStartError: it stopped by itself or did not answer in time; with its last lines.
    """
    port = free_port()
    command = [
        *(str(python), "-m", "mlflow", "server"),
        *("--backend-store-uri", store or sqlite(folder)),
        *("--default-artifact-root", (folder / "artifacts").as_uri()),
        *("--host", LOOPBACK, "--port", str(port), "--workers", "1"),
        *(("--static-prefix", prefix) if prefix else ()),
        *arguments,
    ]
    url = f"http://{LOOPBACK}:{port}{prefix}"
    with started(
        command, folder / "server.log", environment=_QUIET | dict(environment or {})
    ) as running:
        waiting.until_ready(
            "MLflow's server",
            running,
            lambda: _answers(url + _API),
            timeout=timeout,
            error=RegistryStartError,
        )
        yield url


def _answers(url: str) -> bool:
    """Whether the API is there, for those who are let in or not."""
    try:
        return HttpClient(timeout=5).request("GET", url).status in (200, 401)
    except HttpError:
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Mysql:
    """A MySQL server in a container."""

    port: int
    password: str

    def database(self, name: str) -> str:
        """Make an empty database; its address."""
        with pymysql.connect(
            host=LOOPBACK, port=self.port, user="root", password=self.password, connect_timeout=5
        ) as connection:
            connection.cursor().execute(f"CREATE DATABASE `{name}`")
        return f"mysql+pymysql://root:{self.password}@{LOOPBACK}:{self.port}/{name}"

    @property
    def answers(self) -> bool:
        """Whether it lets clients in."""
        try:
            pymysql.connect(
                host=LOOPBACK, port=self.port, user="root", password=self.password
            ).close()
        except pymysql.Error:
            return False
        return True


@contextmanager
def mysql(*arguments: str, in_memory: bool = True, timeout: float = 120) -> Iterator[Mysql]:
    """Run MySQL on a free loopback port until the block ends; nothing of it stays.

    Args:
        arguments: more of MySQL's server.
        in_memory: whether its data lies in memory, which makes writes faster than they are.
        timeout: seconds to wait until it takes connections.
    """
    made = Mysql(port=free_port(), password=secrets.token_hex(8))
    container = docker.run(
        [
            *("run", "--detach", "--rm", "--publish", f"{LOOPBACK}:{made.port}:3306"),
            *("--env", "MYSQL_ROOT_PASSWORD"),
            *(("--tmpfs", "/var/lib/mysql") if in_memory else ()),
            os.environ.get("STACK_MYSQL_IMAGE", "mysql:9.7"),
            # MLflow's migrations make triggers
            "--log-bin-trust-function-creators=1",
            *arguments,
        ],
        environment={**os.environ, "MYSQL_ROOT_PASSWORD": made.password},
    ).strip()
    try:
        assert waiting.until(lambda: made.answers, timeout=timeout, every=0.5), docker.logs(
            container, lines=20
        )
        yield made
    finally:
        docker.run(["rm", "--force", "--volumes", container])
