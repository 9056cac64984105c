"""The receiver as a service of the stack, with MLflow on MySQL in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.waiting import eventually
from tests.github import fake

if TYPE_CHECKING:
    from tests.stack.conftest import Make

OVERRIDE = """
services:
  webhook:
    extra_hosts: ["hub.test:host-gateway"]
"""
REGISTER = "python -m mlgitops webhook --register http://webhook:8090/mlflow"
PLAIN = """
import mlflow
client = mlflow.MlflowClient()
client.create_registered_model("wind")
run = client.create_run("0").info
client.create_model_version("wind", f"{run.artifact_uri}/model", run_id=run.run_id)
"""
LONG = 120  # seconds


@pytest.mark.timeout(1200)
def test_a_version_by_plain_mlflow_is_dispatched(make: Make) -> None:
    """Several workers of MLflow sign with the same secret; the dispatch follows in seconds."""
    with fake.running("0.0.0.0") as hub:  # noqa: S104 - for containers
        stack = make(
            COMPOSE_PROFILES="webhook",
            STACK_MLFLOW_WORKERS="2",
            STACK_PRIVATE_WEBHOOKS="true",
            STACK_WEBHOOK_REPOSITORY=fake.REPOSITORY,
            GITHUB_API_URL=f"http://hub.test:{hub.base.rpartition(':')[2]}",
        )
        stack.override(OVERRIDE)
        secrets = stack.compose.settings.secrets
        secrets.mkdir()
        (secrets / "github_token").write_text(fake.TOKEN)
        (secrets / "github_token").chmod(0o444)
        stack.compose.build()
        stack.up(timeout=900)
        said = stack.compose.run("exec", "-T", "webhook", "with-secrets", *REGISTER.split())
        assert "MLflow reached it" in said
        stack.python(PLAIN)
        eventually(lambda: bool(hub.dispatched), within=LONG, every=0.1)
        (sent,) = hub.dispatched
        assert sent["client_payload"] == {"model": "wind", "version": 1}
        secret = (secrets / "webhook_secret").read_text()
        assert secret not in stack.logs() + stack.compose.run("config")
        stack.compose.run("stop", "webhook")
        (service,) = (s for s in stack.compose.services().values() if s.name == "webhook")
        assert service.exit_code == 0
