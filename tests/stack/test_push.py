"""Images in a registry of images: pushed by a plan, pulled by a host."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests

from harness.waiting import eventually
from mlgitops.deploy import host
from mlgitops.deploy.values import name_of
from mlgitops.system import docker
from mlgitops.system.http import is_up
from mlgitops.system.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.team import Team

REGISTRY = shutil.which("docker-registry")
WIND = "power-forecasting-model"
STAGE = "Pushed"
CONFIGURATION = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/images}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""

pytestmark = [
    pytest.mark.xdist_group("image"),
    pytest.mark.timeout(600),
    pytest.mark.skipif(REGISTRY is None, reason="Debian's docker-registry is not installed"),
]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A registry of images that holds none; what was named after it is removed afterwards."""
    port = free_port()
    with _running(tmp_path, port):
        yield f"127.0.0.1:{port}"
    reference = f"reference=127.0.0.1:{port}/*/*"
    mine = docker.run(["image", "ls", "--quiet", "--filter", reference]).split()
    if mine:
        docker.run(["image", "rm", "--force", *set(mine)])


@contextmanager
def _running(folder: Path, port: int) -> Iterator[None]:
    assert REGISTRY is not None, "asked before"
    configuration = folder / "registry.yml"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port))
    with (folder / "registry.log").open("w") as log:
        command = [REGISTRY, "serve", str(configuration)]
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: is_up(f"http://127.0.0.1:{port}/v2/"), within=30, every=0.1)
        yield
    finally:
        server.terminate()
        server.wait(timeout=10)


def test_an_image_is_pushed_and_deployed(farm: Team, address: str) -> None:
    """`publish` pushes what a plan puts into a stage; `deploy --from` takes that and no other.

    If the version is pinned, the payload inside the image must be the one that is.
    """
    repository = f"{address}/wind"
    farm.stages(WIND, **{STAGE: 1})
    farm.ok("plan", "--out", "plan.json")
    tags = farm.ok("image", "publish", "plan.json", repository).out.split()
    assert [tag.rpartition("/")[0] for tag in tags] == [repository, repository]
    listed = requests.get(f"http://{address}/v2/wind/{WIND}/tags/list", timeout=10).json()
    assert sorted(listed["tags"]) == sorted(tag.rpartition(":")[2] for tag in tags)
    farm.ok("apply")
    docker.run(["image", "rm", "--force", *tags])
    try:
        port = str(free_port())
        ran = farm.ok("deploy", WIND, STAGE, "--port", port, "--from", repository)
        assert ran.out.endswith(": version none → 1\n")
        farm.ok("pin")
        assert "1 already serves" in farm.ok("deploy", WIND, STAGE, "--from", repository).out
        pinned = farm.file.read_text()
        farm.write(re.sub("sha256:[0-9a-f]+", f"sha256:{'0' * 64}", pinned))
        refused = farm.run("deploy", WIND, STAGE, "--from", repository)
        assert refused.code == 1
        assert f"not the pinned sha256:{'0' * 64}; its payload was changed" in refused.err
        farm.stages(WIND, **{STAGE: 2})
        farm.ok("apply")
        behind = farm.run("deploy", WIND, STAGE, "--from", repository)
        assert behind.code == 1
        assert "holds version 1, but the stage holds 2" in behind.err
        status = json.loads(farm.ok("deploy", "--status", "--format", "json").out)
        mine = [d for d in status["deployments"] if d["stage"] == STAGE]
        assert mine[0]["state"] == "behind"
    finally:
        host.remove(name_of(WIND, STAGE))
