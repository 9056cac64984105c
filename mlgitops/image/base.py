"""The image that a serving image is built on, by its digest wherever that is known."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from mlgitops.errors import DockerCommandError, ImageError
from mlgitops.system import docker

# a base image in a Dockerfile, where Dependabot finds it; a line that names a stage has no tag
LINE = re.compile(
    r"^FROM (?P<name>[^\s@]+:[\w.-]+)(?:@(?P<digest>sha256:[0-9a-f]{64}))?(?=\s)", re.MULTILINE
)
_ASKED = "import sys; print('%d.%d' % sys.version_info[:2])"
_DOCKERFILE = Path(__file__).with_name("Dockerfile")
# what Docker leaves out of the names of its own registry
_USUAL = re.compile(r"^(docker\.io/)?(library/)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """A base image.

    Attributes:
        name: with its tag.
        digest: `sha256:…`; None if neither the engine nor a registry of images knows one.
        identity: the image's id in the engine, where only that tells which image it is.
    """

    name: str
    digest: str | None
    identity: str = ""

    @property
    def reference(self) -> str:
        """What to build from."""
        return f"{self.name}@{self.digest}" if self.digest else self.name


def find(image: str, *, chosen: bool) -> Base:
    """The base image of a name; an image that lies in the engine is the one it builds from.

    Args:
        image: NAME:TAG, NAME@sha256:… or both.
        chosen: whether somebody named it. What nobody chose is what our Dockerfile says.
    """
    name, _, digest = image.partition("@")
    if digest:
        return Base(name=name, digest=digest)
    written = {match["name"]: match["digest"] for match in LINE.finditer(_DOCKERFILE.read_text())}
    if not chosen and written.get(name):
        return Base(name=name, digest=written[name])
    return _known(name)


def python_of(image: str, platform: str | None) -> str:
    """The Python of an image, such as `3.11`.

    Raises:
        ImageError: it has none that runs.
    """
    chosen = ["--platform", platform] if platform else []
    isolated = ["run", "--rm", "--network", "none", "--entrypoint", "python3", *chosen]
    try:
        said = docker.run([*isolated, image, "-S", "-E", "-c", _ASKED]).strip()
    except DockerCommandError as error:
        raise ImageError(f"cannot ask the base image {image} for its Python: {error}") from error
    if not re.fullmatch(r"[0-9]{1,2}\.[0-9]{1,3}", said):
        raise ImageError(f"the base image {image} does not say which Python it has")
    return said


def _known(name: str) -> Base:
    asked = ["image", "inspect", "--format", "{{.Id}} {{json .RepoDigests}}", name]
    try:
        identity, found = docker.run(asked).split(maxsplit=1)
    except DockerCommandError:  # it is not here: BuildKit will fetch it
        try:
            return Base(name=name, digest=docker.digest_in_registry(name))
        except DockerCommandError:
            return Base(name=name, digest=None)
    digests = dict(one.split("@", 1) for one in json.loads(found) or ())
    # an image may have been pushed under other names, to registries that have no such name as this
    repository = re.sub(r":[\w.-]+$", "", _USUAL.sub("", name))
    digest = digests.get(repository)
    return Base(name=name, digest=digest, identity="" if digest else identity)
