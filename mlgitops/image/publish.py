"""The images of what stages hold, in a registry of images: pushed where missing or stale."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlgitops.errors import DockerCommandError, ImageError, MlgitopsError
from mlgitops.image import spec
from mlgitops.image.build import build
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures import Future

    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.status import StageStatus
    from mlgitops.image.spec import BuildOptions

_AT_ONCE = 8  # tags that are looked at
_SEEN = '{"manifest": {{json .Manifest}}, "image": {{json .Image}}}'
# how registries say that a tag is not there; some deny what does not exist yet, so that only the
# push can tell whether it may be written
_ABSENT = (
    *("not found", "name unknown", "manifest unknown"),
    *("denied", "unauthorized", "forbidden", "authorization failed"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """What became of a stage's tag in the registry of images.

    Attributes:
        tag: REPOSITORY/MODEL:stage.
        pushed: the tags that were pushed; empty if the stage's tag was right already.
        error: why the tag could not be brought to the version; else empty.
    """

    tag: str
    version: int
    pushed: tuple[str, ...] = ()
    error: str = ""


def publish(
    registry: RegistryReader,
    stages: Iterable[StageStatus],
    options: BuildOptions,
    *,
    say: Callable[[str], None],
) -> Iterator[Published]:
    """Bring the tag of each managed stage that holds its desired version to that version's image.

    An image says in its labels what it was made of: one that is right costs this one look, and is
    neither built nor pulled. A stage that fails does not stop the others.

    Raises:
        DockerError: there is no Docker.
    """
    docker.require()
    wanted = [
        _Wanted(stage=stage, version=stage.desired, options=replace(options, stage=stage.stage))
        for stage in stages
        if stage.desired is not None
        and stage.desired == stage.actual
        and stage.managed
        and not stage.prompt
    ]
    with ThreadPoolExecutor(min(_AT_ONCE, registry.at_once)) as threads:
        looks = [threads.submit(one.is_there, registry) for one in wanted]
        try:
            for one, look in zip(wanted, looks, strict=True):
                say(f"looking at {one.tag}")
                yield one.published(look, registry, say)
        finally:
            threads.shutdown(cancel_futures=True)  # nobody waits for looks after an interruption


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wanted:
    """A stage whose tag is to point to the image of a version."""

    stage: StageStatus
    version: int
    options: BuildOptions

    @property
    def tag(self) -> str:
        return spec.stage_tag(self.stage.model, self.stage.stage, self.options.repository)

    def published(
        self, look: Future[bool], registry: RegistryReader, say: Callable[[str], None]
    ) -> Published:
        """Push the image if a look does not find it; quick where it was built before."""
        done = Published(tag=self.tag, version=self.version)
        try:
            if look.result():
                return done
            made = build(registry, self.stage.model, str(self.version), self.options, say=say)
        except MlgitopsError as error:
            return replace(done, error=str(error))
        return replace(done, pushed=made.tags)

    def is_there(self, registry: RegistryReader) -> bool:
        """Whether the tag points to an image of the version, built as the options say."""
        found = look(self.tag)
        where = (self.stage.model, self.version, self.stage.stage)
        return found is not None and fits(found.labels, registry, *where, self.options)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tagged:
    """What a tag points to in its registry: the digest of all platforms, and the image's labels."""

    digest: str
    labels: Mapping[str, str]


def fits(
    labels: Mapping[str, str],
    registry: RegistryReader,
    model: str,
    number: int,
    stage: str,
    options: BuildOptions,
) -> bool:
    """Whether labels are those of an image of a version, built for a stage as options say."""
    version = registry.version(model, number)
    # a number is not enough: a model that was deleted and made anew counts from 1 again
    expected = {
        "mlgitops.model": model,
        "mlgitops.version": str(number),
        "mlgitops.run": (version and version.run_id) or "",
        spec.CHOICES: spec.choices(options),
    }
    pinned = options.pins.binding(model, number, stage)
    return all(labels.get(name, "") == text for name, text in expected.items()) and all(
        labels.get("mlgitops.digest") == pin.digest for pin in pinned
    )


def look(tag: str) -> Tagged | None:
    """What a tag points to in its registry; None if there is no such tag.

    Raises:
        ImageError: the registry of images did not say.
    """
    try:
        found = docker.run(
            ["buildx", "imagetools", "inspect", "--format", _SEEN, tag],
            shown=1,
        )
    except DockerCommandError as error:
        reason = str(error).rpartition(f"{tag}: ")[2].lower()  # a name may hold any word
        if any(sign in reason for sign in _ABSENT):
            return None
        raise ImageError(f"cannot look at {tag}: {error}") from error
    seen = json.loads(found)
    image = seen["image"]
    labels = (image.get("config") or {}).get("Labels") if isinstance(image, dict) else None
    return Tagged(digest=seen["manifest"]["digest"], labels=labels or {})
