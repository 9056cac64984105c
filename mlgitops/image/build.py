"""From a model's folder and a spec to an image, with Docker's BuildKit and uv."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlgitops.errors import DockerCommandError, ImageError
from mlgitops.image import source, spec
from mlgitops.serve import server
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.registry import RegistryReader
    from mlgitops.image.spec import BuildOptions, Source, Spec

_HERE = Path(__file__).parent
_IN_CONTEXT = ("Dockerfile", "prepare.py")
# what uv calls the platforms that Docker builds for
_PLATFORMS = {
    "linux/amd64": "x86_64-manylinux_2_28",
    "linux/arm64": "aarch64-manylinux_2_28",
}


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
        ImageError: its requirements cannot be had, or the build failed.
        DockerError: there is no Docker.
    """
    with TemporaryDirectory(prefix="mlgitops-image-") as folder:
        context = Path(folder)
        say(f"fetching {model} {wanted}")
        (context / "model").mkdir()
        found = source.fetch(registry, model, wanted, context / "model", options)
        docker.require()
        wish = spec.specify(found, options)
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


def _platform(options: BuildOptions) -> str:
    # the engine's platform, which need not be this machine's
    engine = ("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}")
    wanted = options.platform or docker.run(engine).strip()
    if wanted not in _PLATFORMS:
        known = " or ".join(_PLATFORMS)
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
    served = (context / "serving/server/requirements.txt").read_text(encoding="utf-8")
    for name, requirements in (
        ("packages", "\n".join([*wish.requirements, served])),
        ("tools", f"uv=={version('uv')}"),
    ):
        lock = _locked(requirements, wish.python, target, configuration)
        (context / f"{name}.txt").write_text(lock, encoding="utf-8")
    (context / "required.txt").write_text("\n".join(wish.required) + "\n", encoding="utf-8")
    for path in [context, *context.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (0, 0))


def _locked(requirements: str, python: str, target: str, configuration: Path | None) -> str:
    """Requirements with everything that they need, each at one version with its hashes.

    Raises:
        ImageError: they contradict each other, or there is no such package.
    """
    import uv

    command = [
        os.fsdecode(uv.find_uv_bin()),
        "pip",
        "compile",
        "--quiet",
        "--no-header",
        "--no-annotate",
    ]
    command += ["--generate-hashes", "--no-emit-index-url", "--python-version", python]
    # wheels only: to build a package is to run its code, here, with what this process may do
    command += ["--python-platform", _PLATFORMS[target], "--no-build", "-"]
    if configuration:
        command += ["--config-file", str(configuration.resolve())]
    # nor has a project that happens to lie here a say in an image
    with TemporaryDirectory(prefix="mlgitops-uv-") as empty:
        done = subprocess.run(
            command,
            input=requirements,
            cwd=empty,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise ImageError(f"cannot resolve the model's requirements:\n{done.stderr.strip()}")
    return done.stdout


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
        raise ImageError(f"cannot build the image of {found.model}:\n{error}") from error


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
