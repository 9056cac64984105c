"""Images in a registry of images: pushed for what stages hold, pulled by a host."""

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


def written(folder: Path) -> int:
    """How many requests have changed the registry of images."""
    log = (folder / "registry.log").read_text()
    return len(re.findall(r'"(?:POST|PUT|PATCH) /v2/', log))


def points_to(address: str, tag: str) -> str | None:
    """The version whose image a tag of the wind farm's model points to, as the registry has it."""
    base = f"http://{address}/v2/wind/{WIND}"
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    manifest = requests.get(f"{base}/manifests/{tag}", headers=accept, timeout=10)
    if manifest.status_code == 404:
        return None
    config = manifest.json()["config"]["digest"]
    labels = requests.get(f"{base}/blobs/{config}", timeout=10).json()["config"]["Labels"]
    return str(labels["mlgitops.version"])


def test_what_stages_hold_is_pushed(farm: Team, address: str, tmp_path: Path) -> None:
    """It follows from what stages hold, not from a plan: a push that failed is made up for.

    What is there already costs no request that writes; one stage that fails stops no other.
    """
    repository, tag = f"{address}/wind", f"{address}/wind/{WIND}:{STAGE.lower()}"
    farm.stages(WIND, **{STAGE: 1})
    farm.ok("apply")
    farm.stages(WIND, **{STAGE: 1, "Later": 2})  # declared, and not applied yet
    assert farm.ok("image", "publish", repository).out == f"{tag}: version 1, pushed\n"
    assert points_to(address, STAGE.lower()) == "1"
    assert points_to(address, "later") is None
    before = written(tmp_path)
    assert farm.ok("image", "publish", repository, WIND).out == f"{tag}: version 1, up to date\n"
    assert written(tmp_path) == before

    farm.stages(WIND, **{STAGE: 2})
    farm.ok("apply")
    ran = farm.run("image", "publish", f"127.0.0.1:{free_port()}/wind")
    assert ran.code == 1
    assert "connection refused" in ran.err
    assert farm.ok("plan", "--exit-code").code == 0  # the next apply has nothing to do
    zeros = f"sha256:{'0' * 64}"
    farm.write(
        f"models: {{{WIND}: {{stages: {{{STAGE}: 2, Other: {{version: 1, digest: '{zeros}'}}}}}}}}"
    )
    farm.client.set_registered_model_alias(WIND, "other", "1")
    ran = farm.run("image", "publish", repository)
    assert ran.code == 1
    assert f"not the pinned {zeros}; its payload was changed" in ran.err
    other = f"{address}/wind/{WIND}:other"
    assert ran.out == f"{tag}: version 2, pushed\n{other}: version 1, failed\n"
    assert points_to(address, STAGE.lower()) == "2"


def test_what_an_image_is_made_of_decides(farm: Team, address: str, tmp_path: Path) -> None:
    """A tag is right only for this model, version, run, pin and the options it is built with."""
    number = farm.version(WIND)
    run = str(farm.client.get_model_version(WIND, str(number)).run_id)
    farm.stages(WIND, **{STAGE: number})
    farm.ok("apply")
    right = {"mlgitops.model": WIND, "mlgitops.version": str(number), "mlgitops.run": run}
    push(f"{address}/wind/{WIND}:{STAGE.lower()}", right, tmp_path)
    publish = ("image", "publish", f"{address}/wind")
    assert farm.ok(*publish).out.endswith("up to date\n")
    ran = farm.run(*publish, "--package", "xgboost")
    assert ran.out.endswith("failed\n")  # built anew: this version has no payload
    for name, other in (("model", "m"), ("version", "7"), ("run", "r"), ("choices", "c")):
        labels = {**right, f"mlgitops.{name}": other}
        push(f"{address}/wind/{WIND}:{STAGE.lower()}", labels, tmp_path)
        assert farm.run(*publish).out.endswith("failed\n"), name


def push(tag: str, labels: dict[str, str], folder: Path) -> None:
    """Push an image that holds nothing but its labels."""
    context = folder / "nothing"
    context.mkdir(exist_ok=True)
    lines = [f'LABEL "{name}"="{text}"' for name, text in labels.items()]
    (context / "Dockerfile").write_text("\n".join(["FROM scratch", "COPY Dockerfile /", *lines]))
    build = ("--load", "--provenance=false", "--quiet", "--tag", tag, str(context))
    docker.run(["buildx", "build", *build])
    docker.run(["push", "--quiet", tag])
    docker.run(["image", "rm", tag])


def test_an_image_is_pushed_and_deployed(farm: Team, address: str) -> None:
    """`deploy --from` takes the image that was pushed and no other.

    If the version is pinned, the payload inside the image must be the one that is.
    """
    repository = f"{address}/wind"
    farm.stages(WIND, **{STAGE: 1})
    farm.ok("apply")
    tags = [f"{repository}/{WIND}:{STAGE.lower()}"]
    farm.ok("image", "publish", repository)
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
