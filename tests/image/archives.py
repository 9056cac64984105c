"""File systems and images as Docker writes them, made in memory."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.image.scan.values import Image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SITE = "venv/lib/python3.11/site-packages"  # of an image's environment


def archive(files: Mapping[str, bytes]) -> bytes:
    """A tar archive of files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def read(content: bytes) -> tarfile.TarFile:
    """An archive as a stream that is read once, like the one from Docker."""
    return tarfile.open(fileobj=io.BytesIO(content), mode="r|")


def saved(layers: Sequence[bytes], history: Sequence[str] = ()) -> bytes:
    """An image as `docker save` writes it: blobs by their digests, the manifest at the end."""
    config = json.dumps({"history": [{"created_by": step} for step in history]}).encode()
    blobs = [f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}" for blob in (*layers, config)]
    manifest = [{"Config": blobs[-1], "Layers": blobs[:-1]}]
    files = dict(zip(blobs, (*layers, config), strict=True))
    return archive({**files, "manifest.json": json.dumps(manifest).encode()})


def image(
    layers: Sequence[bytes] = (),
    environment: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> Image:
    """What Docker would say of such an image."""
    return Image(
        tag="wind:3",
        identity=f"sha256:{'1' * 64}",
        created="2026-11-24T02:13:33Z",
        architecture="linux/amd64",
        layers=tuple(f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers),
        labels=MappingProxyType(dict(labels or {})),
        environment=tuple(environment),
        command=("python3", "-m", "server"),
    )
