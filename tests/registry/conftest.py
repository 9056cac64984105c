"""A server that lets in only whom it knows, below a prefix, with a registry for each workspace."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import requests
from werkzeug.security import generate_password_hash

from harness import servers
from tests.registry import certificates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.registry.certificates import Certificates

_CLEARED = ("MLFLOW_", "AWS_")
_OF_REQUESTS = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NETRC"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
ADMIN = ("admin", "long-enough-for-mlflow")
READER = ("reader", "also-long-enough")
PREFIX, WORKSPACE = "/team/mlflow", "team-b"
# where each model is, for who asks as administrator
IN_DEFAULT, IN_WORKSPACE = "of the default", "of team b"
_SETTINGS = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/users.db
admin_username = {0}
admin_password = {1}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """The variables under test and nothing else; nobody's files of credentials."""
    for name in list(os.environ):
        if name.startswith(_CLEARED) or name.upper() in _OF_REQUESTS:
            monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of servers and clients."""
    return certificates.make(tmp_path_factory.mktemp("certificates"))


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """The server; below its prefix, for ADMIN, and for READER who may see nothing."""

    url: str

    def post(self, path: str, body: object, workspace: str = "") -> None:
        """Write as administrator."""
        headers = {"X-MLFLOW-WORKSPACE": workspace} if workspace else {}
        uri = f"{self.url}/api/{path}"
        requests.post(uri, json=body, auth=ADMIN, headers=headers, timeout=30).raise_for_status()


def _make_quick(users: Path) -> None:
    """Hash the passwords once instead of for a third of a second with each request."""
    with closing(sqlite3.connect(users)) as connection, connection:
        for name, password in (ADMIN, READER):
            made = generate_password_hash(password, method="pbkdf2:sha256:1")
            change = "UPDATE users SET password_hash = ? WHERE username = ?"
            connection.execute(change, (made, name))


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """One for all tests, with a model with two versions in each of two workspaces."""
    folder = tmp_path_factory.mktemp("guarded")
    settings = folder / "auth.ini"
    settings.write_text(_SETTINGS.format(*ADMIN, folder=folder))
    with servers.server(
        folder,
        prefix=PREFIX,
        arguments=("--app-name", "basic-auth", "--enable-workspaces"),
        environment={
            "MLFLOW_AUTH_CONFIG_PATH": str(settings),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "of the tests",
        },
    ) as url:
        made = Guarded(url=url)
        user = {"username": READER[0], "password": READER[1]}
        made.post("2.0/mlflow/users/create", user)
        made.post("3.0/mlflow/workspaces", {"name": WORKSPACE})
        _make_quick(folder / "users.db")
        for workspace, name in (("", IN_DEFAULT), (WORKSPACE, IN_WORKSPACE)):
            made.post("2.0/mlflow/registered-models/create", {"name": name}, workspace)
            for _ in range(2):
                version = {"name": name, "source": "s3://bucket/model"}
                made.post("2.0/mlflow/model-versions/create", version, workspace)
        yield made
