"""What the engine tells of an image, and its files as streams."""

from __future__ import annotations

import json
import tarfile
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mlgitops.errors import DockerCommandError, ImageError
from mlgitops.image.container import created
from mlgitops.image.scan.values import Image
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Iterator


def describe(tag: str) -> Image:
    """What Docker says of an image.

    Raises:
        ImageError: there is no such image.
        DockerError: there is no Docker.
    """
    docker.require()
    try:
        said: dict[str, Any] = json.loads(docker.run(["image", "inspect", tag]))[0]
    except DockerCommandError as error:
        raise ImageError(f"{tag} cannot be scanned: {error}") from error
    config = said["Config"]
    labels = config.get("Labels") or {}
    return Image(
        tag=tag,
        identity=said["Id"],
        # MLflow's time of the model, which is the same for each build of it
        created=labels.get("org.opencontainers.image.created", said["Created"]),
        architecture=f"{said['Os']}/{said['Architecture']}",
        layers=tuple(said["RootFS"]["Layers"]),
        labels=MappingProxyType(labels),
        environment=tuple(config.get("Env") or ()),
        command=(*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())),
    )


def base_layers(name: str | None) -> frozenset[str] | None:
    """The layers of an image that another is built on; None if it is not in the engine."""
    if not name:
        return None
    try:
        found: list[str] = json.loads(
            docker.run(["image", "inspect", "--format", "{{json .RootFS.Layers}}", name])
        )
    except DockerCommandError:
        return None
    return frozenset(found)


@contextmanager
def files(image: Image) -> Iterator[tarfile.TarFile]:
    """Every file that a container of an image would see; nothing of it is run.

    Raises:
        ImageError: Docker cannot make the container.
    """
    with (
        created(image.identity) as container,
        docker.stream(["export", container]) as stream,
        tarfile.open(fileobj=stream, mode="r|") as archive,
    ):
        yield archive


@contextmanager
def saved(image: Image) -> Iterator[tarfile.TarFile]:
    """An image with each of its layers, as OCI's image layout has it."""
    with (
        docker.stream(["save", image.identity]) as stream,
        tarfile.open(fileobj=stream, mode="r|") as archive,
    ):
        yield archive
