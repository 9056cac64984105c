"""Proposals in their workflows: a version that plain MLflow registered becomes a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.act import runner
from mlgitops.registry.embedded import Embedded, server
from tests.github import fake
from tests.stack.loop import Repository

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.no_docker,
    pytest.mark.xdist_group("act"),  # whose stand-ins are laid out anew for each run
    pytest.mark.timeout(1200),
    pytest.mark.skipif(runner() is None, reason="act is not installed"),
]
MODEL = "power-forecasting-model"
FILE = f"""\
version: 2
owner: windy/farm
models:
  {MODEL}:
    stages: {{Staging: 1}}
    promote: {{Staging: newest}}
"""


@pytest.mark.thorough
def test_a_new_version_and_one_that_somebody_asks_for(tmp_path: Path) -> None:
    """The event makes a pull request, a second one makes none; the form updates the stage's."""
    from mlflow import MlflowClient

    with fake.running() as hub, server(Embedded(folder=tmp_path / "registry")) as url:
        repository = Repository(folder=tmp_path, hub=hub, registry=url)
        repository.create()
        hub.git.push("main", models__yaml=FILE)
        client = MlflowClient(tracking_uri=url, registry_uri=url)
        client.create_registered_model(MODEL)
        for _ in range(2):
            made = client.create_run("0").info
            client.create_model_version(
                MODEL, f"{made.artifact_uri}/model", made.run_id, await_creation_for=0
            )

        payload = {"action": "mlgitops-version", "client_payload": {"model": MODEL, "version": "2"}}
        for said in ("is opened", "is open"):
            ran = repository.run("repository_dispatch", "propose", payload)
            assert ran.code == 0, ran.log[-4000:]
            assert f"{MODEL} Staging: version 2: https://github.test/p/1 {said}" in ran.log
        asked = {"model": MODEL, "stage": "Staging", "version": "2", "reason": "`touch pwned`"}
        ran = repository.dispatch("promote", **asked)
        assert ran.code == 0, ran.log[-4000:]
        assert not list(tmp_path.rglob("pwned"))
        (pull,) = hub.pulls
        assert pull["title"] == f"Put {MODEL} 2 into Staging"
        assert "**Reason:** \\`touch pwned\\`" in pull["body"]
        assert hub.unknown == []
