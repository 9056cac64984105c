"""A registry of images of the tests' own: Debian's docker-registry, where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from harness.waiting import eventually
from mlgitops.system import docker
from mlgitops.system.http import is_up
from mlgitops.system.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = shutil.which("docker-registry")
_CONFIGURATION = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/images}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass(frozen=True, kw_only=True)
class ImageRegistry:
    """A registry of images that runs here; its address is HOST:PORT."""

    address: str
    log: Path

    @property
    def writes(self) -> int:
        """How many requests have changed it."""
        return len(re.findall(r'"(?:POST|PUT|PATCH) /v2/', self.log.read_text()))

    def version(self, name: str, tag: str) -> str | None:
        """The version whose image a tag points to; None if there is no such tag."""
        manifest = self._manifest(name, tag)
        if manifest.status_code == 404:
            return None
        config = manifest.json()["config"]["digest"]
        blob = requests.get(f"http://{self.address}/v2/{name}/blobs/{config}", timeout=10)
        labels = blob.json()["config"]["Labels"]
        return str(labels["mlgitops.version"])

    def lose_layers(self, name: str, tag: str) -> None:
        """Forget the layers of an image, as a disk that was cleaned up by hand."""
        for layer in self._manifest(name, tag).json()["layers"]:
            kind, _, digest = layer["digest"].partition(":")
            blobs = self.log.parent / "images" / "docker" / "registry" / "v2" / "blobs" / kind
            shutil.rmtree(blobs / digest[:2] / digest)

    def _manifest(self, name: str, tag: str) -> requests.Response:
        url = f"http://{self.address}/v2/{name}/manifests/{tag}"
        return requests.get(url, headers={"Accept": _MANIFEST}, timeout=10)


@contextmanager
def image_registry(folder: Path) -> Iterator[ImageRegistry]:
    """An empty one until the block ends; images that were named after it are removed then.

    Args:
        folder: where it keeps images.
    """
    assert PROGRAM is not None, "asked before"
    port = free_port()
    configuration, log = folder / "registry.yml", folder / "registry.log"
    configuration.write_text(_CONFIGURATION.format(folder=folder, port=port))
    with log.open("w") as stream:
        command = [PROGRAM, "serve", str(configuration)]
        server = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: is_up(f"http://127.0.0.1:{port}/v2/"), within=30, every=0.1)
        yield ImageRegistry(address=f"127.0.0.1:{port}", log=log)
    finally:
        server.terminate()
        server.wait(timeout=10)
        reference = f"reference=127.0.0.1:{port}/*/*"
        # by its names: an id would take the image from every other name that it has
        named = ("--format", "{{.Repository}}:{{.Tag}}", "--filter", reference)
        if mine := docker.run(["image", "ls", *named]).split():
            docker.run(["image", "rm", *mine])
