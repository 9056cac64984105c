"""The image of a version by its digest: found in the registry of images, else built and pushed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlgitops.image import publish, spec
from mlgitops.image.build import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlgitops.core.registry import RegistryReader
    from mlgitops.image.spec import BuildOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """An image as places are to pull it.

    Attributes:
        reference: REPOSITORY/MODEL@sha256:…, which always means the same.
        digest: of the image in its registry, of all platforms: `sha256:…`.
        labels: what it was made of; `mlgitops.digest` is that of the model's payload.
    """

    reference: str
    version: int
    digest: str
    labels: Mapping[str, str]

    @property
    def payload(self) -> str:
        """The digest of the model's payload; empty if the image does not say."""
        return self.labels.get("mlgitops.digest", "")


def reference(
    registry: RegistryReader,
    model: str,
    version: int,
    stage: str,
    options: BuildOptions,
    say: Callable[[str], None],
) -> Image:
    """The image of a version that a stage holds; it is built and pushed if there is none.

    Args:
        registry: the registry of models.
        model: the registered model's name.
        version: the one that the stage holds.
        stage: the stage, whose tag is moved if it is built.
        options: with `repository`, where images are.
        say: is told of each step.

    Raises:
        UsageError: there is no such version.
        DigestMismatchError: its payload is not the pinned one.
        ImageError: the registry of images does not say, or the image cannot be built or pushed.
        DockerError: there is no Docker to look or build with.
    """
    say(f"looking for the image of {model} version {version}")
    if found := known(registry, model, version, stage, options):
        return found
    made = build(registry, model, str(version), replace(options, stage=stage, push=True), say=say)
    seen = publish.look(made.tags[0])
    assert seen is not None, "just pushed"
    return _image(made.tags[0], version, seen)


def known(
    registry: RegistryReader, model: str, version: int, stage: str, options: BuildOptions
) -> Image | None:
    """The same, for plans: None if it would have to be built.

    Raises:
        ImageError: the registry of images does not say.
        DockerError: there is no Docker to look with.
    """
    for tag in _tags(model, version, stage, options):
        seen = publish.look(tag)
        if seen and publish.fits(seen.labels, registry, model, version, stage, options):
            return _image(tag, version, seen)
    return None


def _tags(model: str, version: int, stage: str, options: BuildOptions) -> Iterator[str]:
    """Where it may be: the stage's tag, and the version's where its payload is known."""
    yield spec.stage_tag(model, stage, options.repository)
    for pin in options.pins.binding(model, version, stage):
        if pin.version == version:
            yield spec.numbered_tag(model, version, pin.digest, options.repository)
            return


def _image(tag: str, version: int, seen: publish.Tagged) -> Image:
    name = tag.rpartition(":")[0]
    return Image(
        reference=f"{name}@{seen.digest}", version=version, digest=seen.digest, labels=seen.labels
    )
