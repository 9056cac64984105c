"""What a scan finds in an image, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Licence:
    """What a package says of its licence.

    Attributes:
        expressions: as SPDX writes them. Nothing says that one may choose between several.
        stated: the metadata's own words, where they are no SPDX expression.
    """

    expressions: tuple[str, ...] = ()
    stated: str | None = None

    @property
    def text(self) -> str | None:
        """The expressions, or the words; None if there are neither."""
        return "; ".join(self.expressions) or self.stated


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """A Python package at one version.

    Attributes:
        name: as PyPI normalises it.
    """

    name: str
    version: str
    licence: Licence = field(default_factory=Licence)


@dataclass(frozen=True, kw_only=True, slots=True)
class Debian:
    """A package of the base image's distribution."""

    name: str
    version: str
    architecture: str


@dataclass(frozen=True, kw_only=True, slots=True)
class System:
    """The distribution that an image is built on, by its os-release: `debian`, `13`."""

    identity: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """A file as its package was published with it.

    Attributes:
        digest: hexadecimal, by the algorithm.
        size: bytes; None if the package does not say.
    """

    package: str
    algorithm: str
    digest: str
    size: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """What is installed in an image.

    Attributes:
        python: the interpreter's version.
        bill: the Python packages as a bill of materials of their own, CycloneDX JSON.
        recorded: the files that packages came with, by their paths in the image.
    """

    python: str
    system: System | None
    bill: str
    packages: tuple[Package, ...]
    debian: tuple[Debian, ...]
    recorded: Mapping[str, Recorded] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """What Docker says of an image.

    Attributes:
        tag: what it was asked for by.
        identity: `sha256:…`, the image's id.
        created: ISO 8601.
        layers: the digests of the unpacked layers, lowest first.
        environment: lines of `NAME=value`.
    """

    tag: str
    identity: str
    created: str
    architecture: str
    layers: tuple[str, ...]
    labels: Mapping[str, str]
    environment: tuple[str, ...]
    command: tuple[str, ...]

    @property
    def base(self) -> str | None:
        """The image that it is built on, by its label."""
        return self.labels.get("org.opencontainers.image.base.name")


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Leak:
    """A secret's place and kind; its value is kept nowhere.

    Attributes:
        layer: `3 of 7 (digest)`, or `none` for what an image says without a file.
        line: from 1.
        published: the package whose own file this is, byte for byte; None if it is none's.
    """

    layer: str
    path: str
    line: int
    kind: str
    published: str | None = None

    def __str__(self) -> str:
        return f"layer {self.layer}, {self.path}:{self.line}: {self.kind}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """The search of the layers for secrets.

    Attributes:
        files: the number of files that were read.
        layers: the number of layers that were read: those that are not the base image's.
        base: the base image's name, if its layers were read as well: it is not in the engine.
        published: hits in files that packages were published with.
    """

    files: int
    layers: int
    base: str | None
    leaks: tuple[Leak, ...]
    published: tuple[Leak, ...]


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Vulnerability:
    """A known vulnerability of a package.

    Attributes:
        fixed: the versions that do not have it.
    """

    package: str
    version: str
    identity: str
    aliases: tuple[str, ...]
    fixed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """Known vulnerabilities.

    Attributes:
        unchecked: why it was not checked, or not all of it; None if it was.
    """

    found: tuple[Vulnerability, ...] = ()
    unchecked: str | None = None


class Grade(StrEnum):
    """What a check came to."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    UNCHECKED = "not checked"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A line of the verdict."""

    outcome: Grade
    check: str
    found: str
