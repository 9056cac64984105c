"""What an image is to be, from what a model version says of itself. Pure."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mlgitops.core.pins import Pins
from mlgitops.core.requirements import PYTHON, package
from mlgitops.core.stage import DeclaredStages, alias_of
from mlgitops.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mlgitops.core.requirements import Package, Requirements

# Debian Policy, 5.6.1; without a pattern's characters, nothing of a name is the shell's
_DEBIAN = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_IMAGE_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_LONGEST, _SLUG = 200, 100  # characters; registries refuse names of more than 255 in all
_SHORT = 12  # hexadecimal digits of the digest in a tag
_WHOLE, _SMALL = "mlflow", "mlflow-skinny"
BASE_DIGEST = "org.opencontainers.image.base.digest"  # a label, where the digest is known
CHOICES = "mlgitops.choices"  # the label that tells images of other options apart


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The model version that an image is made of.

    Attributes:
        digest: `sha256:…` of the payload.
        stage: the stage that it was asked for by; None if by its number.
        created: when MLflow saved it, ISO 8601, UTC; None if it does not say.
    """

    model: str
    version: int
    run_id: str
    digest: str
    stage: str | None
    python: str
    requirements: Requirements
    created: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildOptions:
    """What the person who builds may choose.

    Attributes:
        base: the image to build on, NAME:TAG, NAME@sha256:… or both; None for Python's slim image
            of the version's Python.
        packages: requirements to add.
        debian: packages of the base image's distribution to add, such as `libgomp1`.
        compile: whether the server may compile trees whose answers differ in the last bits.
        platform: such as `linux/arm64`; None for the engine's.
        repository: what the tags begin with, such as `registry.example.org/team`.
        push: whether to push them there.
        stage: the stage to tag it for, where it was not asked for by its stage.
        commit: the commit of models.yaml that asks for it, for a label.
        url: the repository's address, for a label.
        configuration: a `uv.toml`, for a package index of your own. It is given to the build as a
            secret and is in no layer.
        pins: what models.yaml pins; a version with another payload is not built.
        stages: those that models.yaml declares.
        cached: False builds every layer anew.
    """

    base: str | None = None
    packages: tuple[str, ...] = ()
    debian: tuple[str, ...] = ()
    compile: bool = False
    platform: str | None = None
    repository: str | None = None
    push: bool = False
    stage: str | None = None
    commit: str | None = None
    url: str | None = None
    configuration: Path | None = None
    pins: Pins = field(default_factory=Pins)
    stages: DeclaredStages = field(default_factory=DeclaredStages)
    cached: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """An image, before it is built.

    Attributes:
        python: such as `3.11`; empty where only the base image tells.
        identity: the base image's id, where it has no digest.
        requirements, constraints: PEP 508.
        wheels: paths in the model's folder.
        required: the names of the packages that the model itself asks for, normalised.
    """

    python: str
    base: str
    requirements: tuple[str, ...]
    constraints: tuple[str, ...]
    wheels: tuple[str, ...]
    required: tuple[str, ...]
    tags: tuple[str, ...]
    identity: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def specify(source: Source, options: BuildOptions) -> Spec:
    """The image of a model version.

    Raises:
        ImageError: neither the version nor a base image says which Python, or a package to add is
            none.
    """
    for name in options.debian:
        if not _DEBIAN.fullmatch(name):
            raise ImageError(f"{name!r} is not the name of a Debian package, such as libgomp1")
    match = PYTHON.fullmatch(source.python)
    if match is None and options.base is None:
        raise ImageError(
            f"{source.model} version {source.version} does not say its Python version in "
            "python_env.yaml; choose a base image with --base"
        )
    python = f"{match[1]}.{match[2]}" if match else ""
    base = options.base or f"python:{python}-slim"
    stage = source.stage or options.stage
    asked = source.requirements
    packages = (*asked.packages, *map(_added, options.packages))
    wheels = dict(asked.wheels)
    own = {*wheels, *(one.name for one in packages)}
    server = () if own & {_WHOLE, _SMALL} else (_SMALL,)
    return Spec(
        python=python,
        base=base,
        requirements=(*_slim(packages), *server),
        constraints=tuple(_slim(asked.constraints)),
        wheels=tuple(wheels.values()),
        required=tuple(sorted(own)),
        tags=_tags(source, stage, options.repository),
        labels=MappingProxyType(_labels(source, stage, base, options)),
    )


def _added(text: str) -> Package:
    try:
        return package(text)
    except ValueError as error:
        raise ImageError(f"--package {error}") from error


def _slim(packages: Iterable[Package]) -> Iterable[str]:
    """The requirements, with mlflow-skinny for mlflow: the same code without its server."""
    for one in packages:
        yield str(replace(one, name=_SMALL) if one.name == _WHOLE else one)


def image_name(model: str) -> str:
    """A model's name as a name of images: the same in lower case, where Docker allows that.

    Others keep the letters that they can, and end in what tells them from models of similar names.
    Source: the OCI distribution specification, "Pulling manifests".

    >>> image_name("Wind"), image_name("Prévision ventes")
    ('wind', 'prevision-ventes-eaf99fba')
    """
    lower = model.lower()
    if len(lower) <= _LONGEST and _IMAGE_NAME.fullmatch(lower):
        return lower
    letters = unicodedata.normalize("NFKD", lower).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", letters)[:_SLUG].strip("-") or "model"
    return f"{slug}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"


def _tags(source: Source, stage: str | None, repository: str | None) -> tuple[str, ...]:
    """NAME:VERSION-SHORTDIGEST, and NAME:stage."""
    tag = version_tag(source, repository)
    return (tag, stage_tag(source.model, stage, repository)) if stage else (tag,)


def version_tag(source: Source, repository: str | None) -> str:
    """What the image of a version is called: NAME:VERSION-SHORTDIGEST."""
    return numbered_tag(source.model, source.version, source.digest, repository)


def numbered_tag(model: str, version: int, digest: str, repository: str | None) -> str:
    """The same, of a payload's digest."""
    return f"{_name(model, repository)}:{version}-{digest.removeprefix('sha256:')[:_SHORT]}"


def stage_tag(model: str, stage: str, repository: str | None) -> str:
    """What the image of the version in a stage is called: NAME:stage."""
    return f"{_name(model, repository)}:{alias_of(stage)}"


def _name(model: str, repository: str | None) -> str:
    name = image_name(model)
    return f"{repository.rstrip('/')}/{name}" if repository else name


def choices(options: BuildOptions) -> str:
    """A fingerprint of what changes an image besides its version; empty if nothing was chosen."""
    chosen: list[object] = [options.base, options.packages, options.debian, options.platform]
    chosen += [True] if options.compile else []  # without it, fingerprints stay as they were
    if not any(chosen):
        return ""
    return hashlib.sha256(json.dumps(chosen).encode()).hexdigest()[:_SHORT]


def _labels(source: Source, stage: str | None, base: str, options: BuildOptions) -> dict[str, str]:
    """The labels; source: the OCI image specification, "Annotations"."""
    labels: dict[str, Any] = {
        "org.opencontainers.image.title": source.model,
        "org.opencontainers.image.version": source.version,
        "org.opencontainers.image.created": source.created,
        "org.opencontainers.image.revision": options.commit,
        "org.opencontainers.image.source": options.url,
        "org.opencontainers.image.base.name": base.partition("@")[0],
        "mlgitops.model": source.model,
        "mlgitops.version": source.version,
        "mlgitops.run": source.run_id,
        "mlgitops.digest": source.digest,
        "mlgitops.stage": stage,
        CHOICES: choices(options),
    }
    return {name: str(value) for name, value in labels.items() if value}
