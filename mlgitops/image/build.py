"""From a model's folder and a spec to an image, with Docker's BuildKit and uv."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlgitops.core.requirements import WHEELS
from mlgitops.errors import DockerCommandError, ImageError
from mlgitops.image import base, packages, source, spec
from mlgitops.image.resolve import PLATFORMS, locked
from mlgitops.serve import server
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.registry import RegistryReader
    from mlgitops.image.spec import BuildOptions, Source, Spec

_HERE = Path(__file__).parent
_IN_CONTEXT = ("Dockerfile", "prepare.py")
_UNFIT = re.compile(r"cannot serve: (.+)")  # what prepare.py says


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
    with TemporaryDirectory(prefix="mlgitops-image-") as folder:
        context = Path(folder)
        say(f"fetching {model} {wanted}")
        (context / "model").mkdir()
        found = source.fetch(registry, model, wanted, context / "model", options)
        wish = spec.specify(found, options)
        docker.require()
        wish = _based(wish, options, say)
        if not wish.python:
            wish = replace(wish, python=base.python_of(wish.base, options.platform))
        say("resolving its requirements")
        _fill(context, wish, _platform(options), options.configuration)
        say(f"building {wish.tags[0]}")
        _build(context, found, wish, options)
    if options.push:
        _push(wish.tags, say)
    identity, size = docker.run(
        ["image", "inspect", "--format", "{{.Id}} {{.Size}}", wish.tags[0]]
    ).split()
    return Built(tags=wish.tags, identity=identity, size=int(size), source=found)


def _based(wish: Spec, options: BuildOptions, say: Callable[[str], None]) -> Spec:
    found = base.find(wish.base, chosen=options.base is not None)
    if found.digest is None:
        say(f"building on {found.name} as it is here: no registry of images knows its digest")
        return wish
    labels = {**wish.labels, spec.BASE_DIGEST: found.digest}
    return replace(wish, base=found.reference, labels=labels)


def _platform(options: BuildOptions) -> str:
    # the engine's platform, which need not be this machine's
    engine = ("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}")
    wanted = options.platform or docker.run(engine).strip()
    if wanted not in PLATFORMS:
        known = " or ".join(PLATFORMS)
        raise ImageError(f"cannot build for {wanted}; choose {known} with --platform")
    return wanted


def _fill(context: Path, wish: Spec, target: str, configuration: Path | None) -> None:
    """The folder that Docker builds from; the same inputs make the same files and dates."""
    shutil.copytree(
        Path(server.__file__).parent,
        context / "serving" / "server",
        ignore=shutil.ignore_patterns("__py*"),
    )
    for name in _IN_CONTEXT:
        shutil.copy(_HERE / name, context / name)
    # of their own: the lock names the wheels as they lie here, and the last image needs none
    wheels = context / WHEELS
    wheels.mkdir()
    for wheel in wish.wheels:
        shutil.copy(context / "model" / wheel, wheels)
    served = (context / "serving/server/requirements.txt").read_text(encoding="utf-8").splitlines()
    resolve = partial(locked, wish.python, target, configuration=configuration)
    both = packages.locked(wish, served, partial(resolve, wheels=wheels))
    tools = resolve([f"uv=={version('uv')}"])
    for name, lock in (("packages", both), ("tools", tools)):
        (context / f"{name}.txt").write_text(lock, encoding="utf-8")
    (context / "required.txt").write_text("\n".join(wish.required) + "\n", encoding="utf-8")
    for path in [context, *context.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (0, 0))


def _build(context: Path, found: Source, wish: Spec, options: BuildOptions) -> None:
    arguments = ["buildx", "build", "--load", "--progress", "plain", "--provenance=false"]
    for name, value in {
        "PYTHON_IMAGE": wish.base,
        "START": "extended" if options.debian else "plain",
        "DEBIAN_PACKAGES": " ".join(options.debian),
        "NAME": found.model,
        "VERSION": str(found.version),
        "SOURCE_DATE_EPOCH": str(_epoch(found.created)),
    }.items():
        arguments += ["--build-arg", f"{name}={value}"]
    for name, value in wish.labels.items():
        arguments += ["--label", f"{name}={value}"]
    for tag in wish.tags:
        arguments += ["--tag", tag]
    if options.configuration:
        arguments += ["--secret", f"id=uv,src={options.configuration.resolve()}"]
    if options.platform:
        arguments += ["--platform", options.platform]
    arguments += [] if options.cached else ["--no-cache"]
    try:
        docker.run([*arguments, str(context)], shown=30)
    except DockerCommandError as error:
        named = f"{found.model} version {found.version}"
        if match := _UNFIT.search(str(error)):
            raise ImageError(
                f"the server cannot run with the packages of {named}: {match[1]}"
            ) from error
        raise ImageError(f"cannot build the image of {named}:\n{error}") from error


def _epoch(created: str | None) -> int:
    if created is None:
        return 0
    return int(datetime.fromisoformat(created).astimezone(UTC).timestamp())


def _push(tags: tuple[str, ...], say: Callable[[str], None]) -> None:
    for tag in tags:
        say(f"pushing {tag}")
        try:
            docker.run(["push", "--quiet", tag])
        except DockerCommandError as error:
            raise ImageError(f"cannot push {tag}; log in first: {error}") from error
