"""The workflow that publishes the status site, run as it lies here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from harness.act import runner
from mlgitops.github.proposed import branch_of
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
    pytest.mark.skipif(
        "MLGITOPS_RUN_WORKFLOW" not in os.environ, reason="act has no stand-in for Pages"
    ),
]
FILE = """\
version: 2
owner: windy/farm
models:
  wind:
    stages: {Production: 1}
"""


@pytest.mark.thorough
def test_the_site_is_published_where_that_is_asked_for(tmp_path: Path) -> None:
    """Nothing is published without the variable; with it, the pages are those of the registry."""
    from mlflow import MlflowClient

    with fake.running() as hub, server(Embedded(folder=tmp_path / "registry")) as url:
        repository = Repository(folder=tmp_path, hub=hub, registry=url, models=None)
        repository.create()
        (repository.work / "models.yaml").write_text(FILE)
        repository.git("commit", "--quiet", "--all", "--message", "Declare wind")
        repository.git("push", "--quiet", "origin", "main")
        client = MlflowClient(tracking_uri=url, registry_uri=url)
        client.create_registered_model("wind")
        made = client.create_run("0").info
        client.create_model_version("wind", f"{made.artifact_uri}/model", made.run_id)
        client.set_registered_model_alias("wind", "production", "1")

        head = branch_of("wind", "Production")
        hub.add_pull({"title": "Put wind 2 into Production", "head": head})

        payload = {"ref": "refs/heads/main"}
        ran = repository.run("workflow_dispatch", "site", payload)
        assert ran.code == 0, ran.log[-4000:]
        assert not (ran.artifacts / "pages").exists()

        asked = {"MLGITOPS_SITE": "pages"}
        ran = repository.run("workflow_dispatch", "site", payload, variables=asked)
        assert ran.code == 0, ran.log[-4000:]
        (page,) = (ran.artifacts / "pages").rglob("models/wind.html")
        assert "@production" in page.read_text()
        handbook = page.parents[1] / "handbook" / "index.html"
        assert "mlgitops" in handbook.read_text()
        assert "Put wind 2 into Production" in page.read_text()
        feed = (page.parents[1] / "feed.xml").read_text()
        assert 'href="http://127.0.0.1:4000/repository/models/wind.html"' in feed
