"""From a model's folder and a spec to an image, with Docker's BuildKit and uv."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlgitops.errors import DockerCommandError, ImageError
from mlgitops.image import base, context, layer, source, spec
from mlgitops.image import environment as environments
from mlgitops.image.layer import Addition
from mlgitops.image.resolve import PLATFORMS
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.registry import RegistryReader
    from mlgitops.image.spec import BuildOptions, Source, Spec

_NEVER = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """An image that lies in the engine.

    Attributes:
        identity: `sha256:…`, the image's id.
        size: bytes, unpacked.
    """

    tags: tuple[str, ...]
    identity: str
    size: int
    source: Source


def build(
    registry: RegistryReader,
    model: str,
    wanted: str,
    options: BuildOptions,
    *,
    say: Callable[[str], None] = lambda _: None,
) -> Built:
    """Build the image of a model's version.

    Args:
        registry: where the version is.
        model: the registered model's name.
        wanted: a version number, or a stage that holds it.
        options: what the person who builds chose.
        say: is told of each step.

    Raises:
        UsageError: there is no such version.
        DigestMismatchError: its payload is not the pinned one; found before Docker is asked.
        RequirementsError: it asks for more than packages from an index; found before that, too.
        ImageError: its requirements cannot be had, the server cannot run with them, or the build
            failed.
        ResolveError: uv cannot be had for its Python.
        DockerError: there is no Docker.
    """
    with (
        TemporaryDirectory(prefix="mlgitops-image-") as folder,
        ThreadPoolExecutor(1) as meanwhile,
    ):
        payload = Path(folder)
        asked = meanwhile.submit(_engine)
        say(f"fetching {model} {wanted}")
        found = source.fetch(registry, model, wanted, payload, options, say)
        wish = spec.specify(found, options)
        engine = asked.result()
        wish = _based(wish, options, say)
        if not wish.python:
            wish = replace(wish, python=base.python_of(wish.base, options.platform))
        target = _target(options.platform or engine.platform)
        if engine.takes_layers:
            environment = environments.provide(wish, payload, options, target, say)
            say(f"adding the model: {wish.tags[0]}")
            layer.add(environment, _addition(payload, found, wish, options))
        else:
            _build(payload, found, wish, options, target, say)
    if options.push:
        _push(wish.tags, say)
    identity, size = docker.run(
        ["image", "inspect", "--format", "{{.Id}} {{.Size}}", wish.tags[0]]
    ).split()
    return Built(tags=wish.tags, identity=identity, size=int(size), source=found)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Engine:
    """What images are made in.

    Attributes:
        platform: its own.
        takes_layers: whether it takes a layer alone.
    """

    platform: str
    takes_layers: bool


def _engine() -> _Engine:
    return _Engine(platform=docker.require(), takes_layers=layer.is_taken())


def _based(wish: Spec, options: BuildOptions, say: Callable[[str], None]) -> Spec:
    found = base.find(wish.base, chosen=options.base is not None)
    if found.digest is None:
        say(f"building on {found.name} as it is here: no registry of images knows its digest")
        return replace(wish, identity=found.identity)
    labels = {**wish.labels, spec.BASE_DIGEST: found.digest}
    return replace(wish, base=found.reference, labels=labels)


def _target(wanted: str) -> str:
    if wanted not in PLATFORMS:
        known = " or ".join(PLATFORMS)
        raise ImageError(f"cannot build for {wanted}; choose {known} with --platform")
    return wanted


def _variables(found: Source, options: BuildOptions) -> dict[str, str]:
    return {
        "SERVING_NAME": found.model,
        "SERVING_VERSION": str(found.version),
        "SERVING_DIGEST": found.digest,
        "SERVING_COMPILE": str(int(options.compile)),
    }


def _addition(payload: Path, found: Source, wish: Spec, options: BuildOptions) -> Addition:
    return Addition(
        folder=payload,
        tags=wish.tags,
        created=found.created or _NEVER,
        variables=_variables(found, options),
        labels=wish.labels,
    )


def _build(
    payload: Path,
    found: Source,
    wish: Spec,
    options: BuildOptions,
    target: str,
    say: Callable[[str], None],
) -> None:
    """Build the whole image, where the engine takes no layer alone."""
    arguments = ["--target", "served"]
    created = datetime.fromisoformat(found.created or _NEVER).timestamp()
    given = {**_variables(found, options), "SOURCE_DATE_EPOCH": str(int(created))}
    for name, value in given.items():
        arguments += ["--build-arg", f"{name}={value}"]
    for name, value in wish.labels.items():
        arguments += ["--label", f"{name}={value}"]
    for tag in wish.tags:
        arguments += ["--tag", tag]
    with context.folder(wish, payload, options, target, say) as made:
        context.add_model(made, payload)
        say(f"building {wish.tags[0]}")
        context.build(made, wish, options, arguments)


def _push(tags: tuple[str, ...], say: Callable[[str], None]) -> None:
    for tag in tags:
        say(f"pushing {tag}")
        try:
            docker.run(["push", "--quiet", tag])
        except DockerCommandError as error:
            raise ImageError(f"cannot push {tag}; log in first: {error}") from error
