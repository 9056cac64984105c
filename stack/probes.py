"""Proof that the stack works: an API call, an artifact there and back, a database query."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from mlgitops.errors import DockerCommandError, HttpError
from mlgitops.system.http import HttpClient
from stack.errors import ProbeFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.system.http import Answer
    from stack.compose import Compose

ADMIN = "admin"
_TIMEOUT = 20.0  # seconds
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


def login(compose: Compose) -> tuple[str, str] | None:
    """The administrator's name and password, where the server asks for them."""
    if not compose.settings.auth:
        return None
    password = (compose.settings.secrets / "mlflow_admin_password").read_text(encoding="utf-8")
    return ADMIN, password.strip()


def api(compose: Compose) -> None:
    """The tracking server reads its database."""
    _request(compose, "GET", "/api/2.0/mlflow/registered-models/search?max_results=1")


def artifact(compose: Compose) -> None:
    """A file goes through the tracking server into the store, comes back, and is removed."""
    path = f"{_ARTIFACTS}/.probe/{secrets.token_hex(8)}"
    content = secrets.token_bytes(1024)
    _request(compose, "PUT", path, data=content)
    if _request(compose, "GET", path).body != content:
        raise ProbeFailedError("artifacts: the downloaded file differs from the uploaded file")
    _request(compose, "DELETE", path)


def database(compose: Compose) -> None:
    """MLflow's user can query MLflow's database."""
    query = "SELECT version_num FROM alembic_version"
    try:
        compose.run("exec", "-T", "db", "db-client", "mysql", "--execute", query, "mlflow")
    except DockerCommandError as error:
        raise ProbeFailedError(f"db: the query failed: {error}") from None


ALL: tuple[tuple[str, Callable[[Compose], None]], ...] = (
    ("API call", api),
    ("artifact round trip", artifact),
    ("database query", database),
)


def _request(compose: Compose, method: str, path: str, data: bytes | None = None) -> Answer:
    try:
        client = HttpClient(login=login(compose), timeout=_TIMEOUT)
        answer = client.request(method, compose.uri + path, body=data)
    except HttpError as error:
        raise ProbeFailedError(f"mlflow: {error}") from error
    if answer.status != 200:
        raise ProbeFailedError(
            f"mlflow: {method} {path} answered {answer.status}: {answer.text[:300]}"
        )
    return answer
