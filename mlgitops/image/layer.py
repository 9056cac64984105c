"""The model's layer on top of an environment, without a build.

The engine takes an archive that has the new layer alone, if it holds the others: so its own layers
are neither read nor written. Protocol: the Docker image specification v1.2, "Combined Image JSON +
Filesystem Changeset Format", and OCI's "Image Configuration". An engine that keeps its images in
containerd wants all layers in an archive, and is not asked for this.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlgitops.errors import DockerCommandError, ImageError
from mlgitops.system import docker, files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

_CONTAINERD = "io.containerd.snapshotter"  # what an engine's driver says of its images


@dataclass(frozen=True, kw_only=True, slots=True)
class Addition:
    """What an image has beside its environment.

    Attributes:
        folder: the model's, which becomes `/model`.
        created: ISO 8601, UTC.
        variables: of its processes.
    """

    folder: Path
    tags: tuple[str, ...]
    created: str
    variables: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def is_taken() -> bool:
    """Whether the engine takes a layer alone."""
    return _CONTAINERD not in docker.run(["info", "--format", "{{json .DriverStatus}}"])


def add(environment: Mapping[str, Any], addition: Addition) -> None:
    """Make an image of an environment and a model; the same inputs make the same image.

    Args:
        environment: an image in the engine, as Docker inspects it.
        addition: what the image has beside it.

    Raises:
        ImageError: the engine does not take it.
    """
    with TemporaryDirectory(prefix="mlgitops-layer-") as made:
        layer = Path(made) / "layer.tar"
        digest = _write(layer, addition.folder)
        configuration = json.dumps(_configuration(environment, digest, addition)).encode()
        below = len(environment["RootFS"]["Layers"])
        try:
            docker.load(lambda stream: _archive(stream, configuration, below, layer, addition.tags))
        except DockerCommandError as error:
            raise ImageError(f"cannot make the image {addition.tags[0]}: {error}") from error


def _write(layer: Path, folder: Path) -> str:
    """Write a folder as a layer with `/model`; its digest, `sha256:…`."""
    with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in [folder, *sorted(folder.rglob("*"))]:
            name = Path("model") / path.relative_to(folder)
            archive.add(path, name, recursive=False, filter=_anonymous)
    return f"sha256:{files.sha256(layer)}"


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() else 0o644
    return entry


def _configuration(found: Mapping[str, Any], digest: str, addition: Addition) -> dict[str, Any]:
    """The image's configuration: its environment's, and what is added."""
    config = {name: value for name, value in found["Config"].items() if value}
    variables = [f"{name}={value}" for name, value in addition.variables.items()]
    below = found["RootFS"]["Layers"]
    platform = ("Architecture", "Os", "Variant")
    return {
        **{name.lower(): found[name] for name in platform if found.get(name)},
        "created": addition.created,
        "config": {
            **config,
            "Env": [*config["Env"], *variables],
            "Labels": {**config.get("Labels", {}), **addition.labels},
        },
        "rootfs": {"type": "layers", "diff_ids": [*below, digest]},
        "history": [
            *({"created_by": "the environment"} for _ in below),
            {"created": addition.created, "created_by": "COPY model /model"},
        ],
    }


def _archive(
    stream: IO[bytes], configuration: bytes, below: int, layer: Path, tags: tuple[str, ...]
) -> None:
    """Write an archive that names layers which it does not have."""
    named = f"{hashlib.sha256(configuration).hexdigest()}.json"
    layers = [*(f"{number}/layer.tar" for number in range(below)), layer.name]
    manifest = json.dumps([{"Config": named, "RepoTags": tags, "Layers": layers}]).encode()
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        for name, content in (("manifest.json", manifest), (named, configuration)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        archive.add(layer, layer.name)
