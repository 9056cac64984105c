"""MLFLOW_AUTH: one variable closes the server, and mlgitops works through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from mlgitops.system import docker
from tests.stack.test_data import MODELS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stack.conftest import Make

SEARCH = "/api/2.0/mlflow/registered-models/search?max_results=1"
FILE = "/api/2.0/mlflow-artifacts/artifacts/0/none"


@pytest.mark.thorough
def test_auth(make: Make, tmp_path: Path) -> None:
    """Turned on later, it keeps strangers out, keeps the data, and lets mlgitops do its job."""
    stack = make()
    stack.up()
    assert stack.post("registered-models/create", {"name": "from-before"}).status_code == 200
    stack.set(MLFLOW_AUTH="true")
    stack.up()
    assert [port.service for port in stack.compose.ports] == ["db", "mlflow"]
    for path in (SEARCH, FILE):
        for login in (None, ("admin", "password1234"), ("nobody", "x" * 20)):
            answer = requests.get(stack.compose.uri + path, auth=login, timeout=30)
            assert answer.status_code == 401, path
    assert stack.get(SEARCH).json()["registered_models"][0]["name"] == "from-before"

    file = tmp_path / "models.yaml"
    file.write_text(MODELS)
    for verb in ("train", "apply", "plan"):
        ran = stack.mlgitops(verb, "--file", str(file))
        assert ran.returncode == 0, ran.stdout + ran.stderr
    refused = stack.mlgitops("plan", "--file", str(file), MLFLOW_TRACKING_PASSWORD="wrong")
    assert refused.returncode == 1
    assert "401" in refused.stderr or "denied" in refused.stderr.lower()
    assert stack.sql("SELECT username FROM users", "mlflow_auth") == "admin"


@pytest.mark.thorough
def test_auth_secrets(make: Make) -> None:
    """With users, too, no secret is in logs, arguments or container settings."""
    stack = make(MLFLOW_AUTH="true")
    stack.up()
    seen = stack.logs() + stack.compose.run("config")
    for service in stack.compose.services().values():
        seen += docker.run(["inspect", service.container])
        if service.state == "running":
            seen += docker.run(["top", service.container, "-eo", "pid,args"])
    said = [path.read_text().split() for path in stack.compose.settings.secrets.iterdir()]
    secrets = [words[-1] for words in said if words]  # GitHub's token is yours to write
    assert [secret[:4] for secret in secrets if secret in seen] == []
    with pytest.raises(AssertionError):
        assert stack.get(SEARCH, auth=None).status_code == 200
