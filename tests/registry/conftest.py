"""A server that lets in only whom it knows, below a prefix, with a registry for each workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import requests

from harness import servers

if TYPE_CHECKING:
    from collections.abc import Iterator

ADMIN = ("admin", "long-enough-for-mlflow")
READER = ("reader", "also-long-enough")
WORKSPACE = "team-b"
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


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """The server; below its prefix, for ADMIN, and for READER who may see nothing."""

    url: str

    def post(self, path: str, body: object, workspace: str = "") -> None:
        """Write as administrator."""
        headers = {"X-MLFLOW-WORKSPACE": workspace} if workspace else {}
        uri = f"{self.url}/api/{path}"
        requests.post(uri, json=body, auth=ADMIN, headers=headers, timeout=30).raise_for_status()


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """One for all tests, with a model with two versions in each of two workspaces."""
    folder = tmp_path_factory.mktemp("guarded")
    settings = folder / "auth.ini"
    settings.write_text(_SETTINGS.format(*ADMIN, folder=folder))
    with servers.server(
        folder,
        prefix="/team/mlflow",
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
        for workspace, name in (("", IN_DEFAULT), (WORKSPACE, IN_WORKSPACE)):
            made.post("2.0/mlflow/registered-models/create", {"name": name}, workspace)
            for _ in range(2):
                version = {"name": name, "source": "s3://bucket/model"}
                made.post("2.0/mlflow/model-versions/create", version, workspace)
        yield made
