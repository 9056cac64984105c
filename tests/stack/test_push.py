"""Images in a registry of images: pushed for what stages hold, pulled by a host."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mlgitops.deploy.docker import host
from mlgitops.deploy.docker.values import name_of
from mlgitops.system import docker
from mlgitops.system.ports import free_port
from tests.github import fake
from tests.stack.images import PROGRAM, image_registry
from tests.team import declaring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.stack.images import ImageRegistry
    from tests.team import Team

WIND = "power-forecasting-model"
STAGE = "Pushed"
TAG = STAGE.lower()

pytestmark = [
    pytest.mark.xdist_group("deploy"),
    pytest.mark.timeout(600),
    pytest.mark.skipif(PROGRAM is None, reason="Debian's docker-registry is not installed"),
]


@pytest.fixture
def images(tmp_path: Path) -> Iterator[ImageRegistry]:
    """A registry of images that holds none."""
    with image_registry(tmp_path) as made:
        yield made


@pytest.mark.thorough
def test_what_stages_hold_is_pushed(farm: Team, images: ImageRegistry) -> None:
    """It follows from what stages hold, not from a plan: a push that failed is made up for.

    What is there already costs no request that writes; one stage that fails stops no other.
    """
    repository, name = f"{images.address}/wind", f"wind/{WIND}"
    tag = f"{repository}/{WIND}:{TAG}"
    farm.stages(WIND, **{STAGE: 1})
    farm.ok("apply")
    farm.stages(WIND, **{STAGE: 1, "Later": 2})  # declared, and not applied yet
    assert farm.ok("image", "publish", repository).out == f"{tag}: version 1, pushed\n"
    assert images.version(name, TAG) == "1"
    assert images.version(name, "later") is None
    before = images.writes
    assert farm.ok("image", "publish", repository, WIND).out == f"{tag}: version 1, up to date\n"
    assert images.writes == before

    farm.stages(WIND, **{STAGE: 2})
    farm.ok("apply")
    ran = farm.run("image", "publish", f"127.0.0.1:{free_port()}/wind")
    assert ran.code == 1
    assert "connection refused" in ran.err
    assert farm.ok("plan", "--exit-code").code == 0  # the next apply has nothing to do
    zeros = f"sha256:{'0' * 64}"
    other = f"Other: {{version: 1, digest: '{zeros}'}}"
    models = f"models: {{{WIND}: {{stages: {{{STAGE}: 2, {other}}}}}}}"
    farm.write(declaring([STAGE, "Other"]) + models)
    farm.client.set_registered_model_alias(WIND, "other", "1")
    ran = farm.run("image", "publish", repository)
    assert ran.code == 1
    assert f"not the pinned {zeros}; its payload was changed" in ran.err
    other = f"{repository}/{WIND}:other"
    assert ran.out == f"{tag}: version 2, pushed\n{other}: version 1, failed\n"
    assert images.version(name, TAG) == "2"


def test_what_an_image_is_made_of_decides(
    farm: Team, images: ImageRegistry, tmp_path: Path
) -> None:
    """A tag is right only for this model, version, run, pin and the options it is built with."""
    repository = f"{images.address}/wind"
    number = farm.version(WIND)
    run = str(farm.client.get_model_version(WIND, str(number)).run_id)
    farm.stages(WIND, **{STAGE: number})
    farm.ok("apply")
    right = {"mlgitops.model": WIND, "mlgitops.version": str(number), "mlgitops.run": run}
    push(f"{repository}/{WIND}:{TAG}", right, tmp_path)
    publish = ("image", "publish", repository)
    assert farm.ok(*publish).out.endswith("up to date\n")
    ran = farm.run(*publish, "--package", "xgboost")
    assert ran.out.endswith("failed\n")  # built anew: this version has no payload
    for name, other in (("model", "m"), ("version", "7"), ("run", "r"), ("choices", "c")):
        labels = {**right, f"mlgitops.{name}": other}
        push(f"{repository}/{WIND}:{TAG}", labels, tmp_path)
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


def test_an_image_is_pushed_and_deployed(
    farm: Team, images: ImageRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host takes the image that was pushed, by its digest; one that is missing is made.

    If the version is pinned, the payload inside the image must be the one that is.
    """
    monkeypatch.setenv("MLGITOPS_OWNER", "test/pushed")
    repository = f"{images.address}/wind"
    port = free_port()

    def declared(version: int, digest: str = "") -> None:
        farm.stages(WIND, **{STAGE: version})
        text = farm.file.read_text()
        if digest:
            pinned = f"{STAGE}: {{version: {version}, digest: '{digest}'}}"
            text = text.replace(f"{STAGE}: {version}", pinned)
        place = f"{{kind: docker, stages: [{STAGE}], ports: {{{WIND}: {port}}}}}"
        farm.write(f"version: 2\nimages: {repository}\n{text}deployments: {{edge: {place}}}\n")

    declared(1)
    farm.ok("apply")
    farm.ok("image", "publish", repository)
    docker.run(["image", "rm", "--force", f"{repository}/{WIND}:{TAG}"])
    before = images.writes
    try:
        assert "version – → 1: serves" in farm.ok("deploy").out
        assert images.writes == before
        assert farm.run("deploy", "--plan", "--exit-code").code == 0
        declared(1, f"sha256:{'0' * 64}")
        refused = farm.run("deploy")
        assert refused.code == 4
        assert f"not the pinned sha256:{'0' * 64}; its payload was changed" in refused.err
        assert "version 1 still serves" in refused.err
        declared(2)
        farm.ok("apply")
        (behind,) = json.loads(farm.ok("status", "--format", "json").out)["deployments"]
        assert (behind["state"], behind["version"]) == ("behind", "1")
        assert "version 1 → 2: serves" in farm.ok("deploy").out
        assert images.version(f"wind/{WIND}", TAG) == "2"
    finally:
        host.remove(name_of(WIND, STAGE))


@pytest.mark.thorough
def test_the_image_of_a_way_back_is_looked_for(
    farm: Team, images: ImageRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback that would have to build its image first is told beforehand, until it is there."""
    repository = f"{images.address}/wind"
    for version in (1, 2):
        farm.stages(WIND, Production=version)
        farm.ok("apply")
    with fake.running() as hub:
        monkeypatch.setenv("GITHUB_API_URL", hub.base)
        monkeypatch.setenv("GITHUB_REPOSITORY", fake.REPOSITORY)
        monkeypatch.setenv("GITHUB_TOKEN", fake.TOKEN)
        look = ("github", "way-back", "--images", repository)
        told = farm.ok(*look).out
        assert f"no way back: version 1 has no image {repository}/{WIND}:1-" in told
        (issue,) = hub.issues
        assert issue["state"] == "open"
        command = told.partition("`mlgitops ")[2].partition("`")[0]
        farm.ok(*command.split())
        assert "closed" in farm.ok(*look).out

        down = f"127.0.0.1:{free_port()}/wind"
        assert "not checked: cannot look at" in farm.ok(*look[:-1], down).out
        pinned = f"{{version: 1, digest: 'sha256:{'0' * 64}'}}"
        farm.write(f"models: {{{WIND}: {{stages: {{Production: 2, Staging: {pinned}}}}}}}")
        assert "no way back: " in farm.ok(*look).out
