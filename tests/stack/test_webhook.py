"""A new version: MLflow on MySQL, its webhook, the receiver, Propose, a pull request."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from harness.act import runner
from harness.waiting import eventually
from tests.github import fake
from tests.stack.loop import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from harness.stack import Running
    from tests.stack.conftest import Make

pytestmark = [
    pytest.mark.xdist_group("act"),  # whose stand-ins are laid out anew for each run
    pytest.mark.timeout(1200),
]
OVERRIDE = """
services:
  webhook:
    extra_hosts: ["hub.test:host-gateway"]
"""
REGISTER = "python -m mlgitops webhook --register http://webhook:8090/mlflow"
MODELS = """\
version: 2
owner: windy/farm
models:
  wind:
    stages: {Staging: 1}
    promote: {Staging: newest}
"""
VERSION = """\
import mlflow

class Doubled(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input * 2

mlflow.pyfunc.log_model(
    name="model",
    python_model=Doubled(),
    pip_requirements=["mlflow", "pandas"],
    registered_model_name="wind",
)
"""
CANDIDATE = """\
import mlflow
mlflow.MlflowClient().set_registered_model_alias("wind", "candidate", "2")
"""
LONG = 120  # seconds
KNOWN = 6  # seconds; the stack has its workers look every 5


@pytest.mark.thorough  # its parts: tests/receiver and test_proposing
def test_a_version_by_plain_mlflow_becomes_a_pull_request(make: Make, tmp_path: Path) -> None:
    """It is dispatched, and proposed by the run of that event; a second event makes no second one.

    Several workers of MLflow sign with the same secret.
    """
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
        stack.up(timeout=900)
        stack.python(VERSION)
        said = stack.compose.run("exec", "-T", "webhook", "with-secrets", *REGISTER.split())
        assert "MLflow reached it" in said
        time.sleep(KNOWN)  # version 1 made a worker remember that there were no webhooks

        stack.python(VERSION)
        eventually(lambda: bool(hub.dispatched), within=LONG)
        (sent,) = hub.dispatched
        assert sent["client_payload"] == {"model": "wind", "version": 2}

        stack.python(CANDIDATE)
        eventually(lambda: len(hub.dispatched) > 1, within=LONG)
        assert hub.dispatched == [sent, sent]
        _stop(stack)
        if runner() is None:
            pytest.skip("act is not installed: nothing ran Propose")
        _propose(stack, hub, tmp_path)


def _stop(stack: Running) -> None:
    """The receiver ends in order, and has told nobody its secret."""
    secret = (stack.compose.settings.secrets / "webhook_secret").read_text()
    assert secret not in stack.logs() + stack.compose.run("config")
    stack.compose.run("stop", "webhook")
    (service,) = (s for s in stack.compose.services().values() if s.name == "webhook")
    assert service.exit_code == 0


def _propose(stack: Running, hub: fake.GitHub, folder: Path) -> None:
    """Run Propose on what was dispatched, as GitHub does."""
    repository = Repository(folder=folder, hub=hub, registry=stack.compose.uri)
    repository.create()
    hub.git.push("main", models__yaml=MODELS)
    for event, said in zip(hub.dispatched, ("is opened", "is open"), strict=True):
        payload = {"action": event["event_type"], "client_payload": event["client_payload"]}
        ran = repository.run("repository_dispatch", "propose", payload)
        assert ran.code == 0, ran.log[-4000:]
        assert f"wind Staging: version 2: https://github.test/p/1 {said}" in ran.log
    (pull,) = hub.pulls
    assert pull["title"] == "Put wind 2 into Staging"
    assert "| wind | Staging |" in pull["body"]
    assert hub.unknown == []
