"""Base images by their digests: written into Dockerfiles, and built from."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import DockerCommandError
from mlgitops.image import base
from mlgitops.image.build import build
from mlgitops.image.spec import BuildOptions
from mlgitops.registry.connect import connect
from mlgitops.system import docker
from tests.stack.images import PROGRAM, image_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.team import Team

pytestmark = [
    pytest.mark.xdist_group("image"),
    pytest.mark.timeout(600),
    pytest.mark.skipif(PROGRAM is None, reason="Debian's docker-registry is not installed"),
]

WIND = "power-forecasting-model"


@pytest.fixture
def python(tmp_path: Path) -> Iterator[str]:
    """Python's slim image by its name in a registry of images that knows its digest."""
    with image_registry(tmp_path) as registry:
        name = f"{registry.address}/library/python:3.11-slim"
        docker.run(["tag", "python:3.11-slim", name])
        docker.run(["push", "--quiet", name])
        yield name


def pin(dockerfile: Path) -> subprocess.CompletedProcess[str]:
    """What `nox -s lock -- --images` does to a file."""
    command = [sys.executable, "-m", "harness.bases", str(dockerfile)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_digests_are_written_where_base_images_are_named(python: str, tmp_path: Path) -> None:
    """They come from the registry; names of stages stay, and so does a file with an unknown tag."""
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(f"ARG X=base\nFROM {python} AS base\nFROM ${{X}}\nFROM base AS last\n")
    digest = docker.digest_in_registry(python)
    for _ in range(2):
        assert pin(dockerfile).stdout == f"{dockerfile}: FROM {python}@{digest}\n"
        lines = dockerfile.read_text().splitlines()
        assert lines == ["ARG X=base", f"FROM {python}@{digest} AS base", *lines[2:]]
        assert lines[2:] == ["FROM ${X}", "FROM base AS last"]
    unknown = dockerfile.read_text().replace("3.11-slim", "9.9-slim")
    dockerfile.write_text(unknown)
    assert pin(dockerfile).returncode == 1
    assert dockerfile.read_text() == unknown


def test_an_image_is_built_from_a_digest(farm: Team, python: str) -> None:
    """The digest that the engine knows of that name; labels say the base's name and digest."""
    digest = docker.digest_in_registry(python)
    found = base.find(python, chosen=True)
    assert (found.name, found.digest, found.reference) == (python, digest, f"{python}@{digest}")
    # the same image, by a name under which no registry has it
    assert base.find("python:3.11-slim", chosen=True).digest is None
    repository = f"{python.partition('/')[0]}/wind"
    options = BuildOptions(base=python, repository=repository)
    built = build(connect(farm.uri), WIND, "1", options)
    labels = json.loads(docker.run(["image", "inspect", built.identity]))[0]["Config"]["Labels"]
    assert labels["org.opencontainers.image.base.name"] == python
    assert labels["org.opencontainers.image.base.digest"] == digest
    docker.run(["image", "rm", python])
    assert base.find(python, chosen=True).digest == digest  # the registry's
    with pytest.raises(DockerCommandError):
        docker.digest_in_registry(f"{python}-none")
