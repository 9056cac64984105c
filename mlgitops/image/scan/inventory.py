"""What is installed in an image, read from its files without running anything of it."""

from __future__ import annotations

import base64
import posixpath
import shlex
from collections import defaultdict
from csv import reader
from email.parser import HeaderParser
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.errors import ImageError
from mlgitops.image.scan import licences
from mlgitops.image.scan.values import Debian, Inventory, Package, Recorded, System

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterable, Iterator, Mapping

    from packaging.metadata import RawMetadata

_METADATA = (".dist-info/METADATA", ".egg-info/PKG-INFO")
_RECORD = ".dist-info/RECORD"
_SUMS = "var/lib/dpkg/info/"
_ENVIRONMENT = "venv/pyvenv.cfg"
_SYSTEM = ("etc/os-release", "usr/lib/os-release")
# Debian's own Python packages are in its own list
_DEBIANS = "usr/lib/python3/dist-packages/"


def read(archive: tarfile.TarFile, image: str) -> Inventory:
    """The inventory of a file system.

    Args:
        archive: all files of a container, as `docker export` gives them; it is read once, in order.
        image: its name, for messages.

    Raises:
        ImageError: it is no serving image.
    """
    texts = dict(_texts(archive))
    if _ENVIRONMENT not in texts:
        raise ImageError(f"{image} has no Python environment in /venv: it is no serving image")
    python = _python(texts[_ENVIRONMENT])
    named = [
        (path, _parsed(text))
        for path, text in texts.items()
        if path.endswith(_METADATA) and not path.startswith(_DEBIANS)
    ]
    return Inventory(
        python=python,
        system=next((system(texts[path]) for path in _SYSTEM if path in texts), None),
        packages=_packages(named, python),
        debian=tuple(
            one for path in sorted(texts) if _is_debian(path) for one in debian(texts[path])
        ),
        recorded=MappingProxyType(
            {
                path: one
                for listing, text in texts.items()
                for path, one in (
                    recorded(listing, text)
                    if listing.endswith(_RECORD)
                    else summed(listing, text)
                    if listing.startswith(_SUMS)
                    else ()
                )
            }
        ),
    )


def _texts(archive: tarfile.TarFile) -> Iterator[tuple[str, str]]:
    for member in archive:
        path = posixpath.normpath(member.name).lstrip("/")
        if member.isfile() and _wanted(path) and (file := archive.extractfile(member)):
            yield path, file.read().decode(errors="replace")


def _wanted(path: str) -> bool:
    sums = path.startswith(_SUMS) and path.endswith(".md5sums")
    named = path.endswith((*_METADATA, _RECORD)) or path in (_ENVIRONMENT, *_SYSTEM)
    return named or sums or _is_debian(path)


def _is_debian(path: str) -> bool:
    # source: dpkg(1), "FILES"; images without dpkg have a file for each package in status.d
    return path == "var/lib/dpkg/status" or (
        path.startswith("var/lib/dpkg/status.d/") and not path.endswith(".md5sums")
    )


def _python(configuration: str) -> str:
    """The version in a pyvenv.cfg: `version` of venv's, `version_info` of uv's and virtualenv's."""
    pairs = [line.partition("=") for line in configuration.splitlines()]
    known = {name.strip(): value.strip() for name, _, value in pairs}
    version = known.get("version") or known.get("version_info", "")
    return ".".join(version.split(".")[:3])


def _parsed(text: str) -> RawMetadata:
    from packaging.metadata import parse_email

    return parse_email(text)[0]


def _packages(found: Iterable[tuple[str, RawMetadata]], python: str) -> tuple[Package, ...]:
    """The packages, those of the same name and version as one."""
    from packaging.utils import canonicalize_name

    grouped: dict[tuple[str, str], list[tuple[str, RawMetadata]]] = defaultdict(list)
    for path, fields in found:
        key = canonicalize_name(fields.get("name", "")), fields.get("version", "")
        grouped[key].append((posixpath.dirname(path), fields))
    return tuple(
        Package(
            name=name,
            version=version,
            licence=licences.stated(
                same[0][1].get("license_expression"),
                same[0][1].get("license"),
                same[0][1].get("classifiers", ()),
            ),
            places=tuple(sorted(place for place, _ in same)),
            requires=tuple(sorted(_requires(same[0][1].get("requires_dist", ()), python))),
        )
        for (name, version), same in sorted(grouped.items())
        if name
    )


def _requires(lines: Iterable[str], python: str) -> set[str]:
    """What a package asks for where an image runs; without its extras."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    here = {
        "extra": "",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
    }
    names = set()
    for line in lines:
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        if wanted.marker is None or wanted.marker.evaluate(here):
            names.add(str(canonicalize_name(wanted.name)))
    return names


def recorded(record: str, text: str) -> Iterator[tuple[str, Recorded]]:
    """The files that a RECORD lists with a hash, by their paths in the image.

    Source: PyPA specifications, "Recording installed projects".
    """
    folder = posixpath.dirname(posixpath.dirname(record))
    package = posixpath.basename(posixpath.dirname(record)).split("-")[0]
    for row in reader(text.splitlines()):
        if len(row) == 3 and row[1].startswith("sha256=") and row[2].isdigit():
            path = posixpath.normpath(posixpath.join("/", folder, row[0])).lstrip("/")
            digest = base64.urlsafe_b64decode(row[1].removeprefix("sha256=") + "==").hex()
            yield (
                path,
                Recorded(package=package, algorithm="sha256", digest=digest, size=int(row[2])),
            )


def summed(listing: str, text: str) -> Iterator[tuple[str, Recorded]]:
    """The files that a package of Debian lists, by their paths; source: deb-md5sums(5)."""
    package = posixpath.basename(listing).removesuffix(".md5sums").split(":")[0]
    for line in text.splitlines():
        digest, _, path = line.partition("  ")
        if path:
            yield path, Recorded(package=package, algorithm="md5", digest=digest)


def system(text: str) -> System:
    """The system that an os-release names; source: os-release(5)."""
    pairs = (word.partition("=") for word in shlex.split(text, comments=True))
    known: Mapping[str, str] = {name: value for name, _, value in pairs}
    return System(identity=known.get("ID", "linux"), version=known.get("VERSION_ID", ""))


def debian(status: str) -> Iterator[Debian]:
    """The packages that a status file of dpkg says are installed."""
    for stanza in status.split("\n\n"):
        fields = HeaderParser().parsestr(stanza.strip())
        name, version = fields.get("Package"), fields.get("Version")
        # a file of status.d has no status: it is there because the package is
        if name and version and fields.get("Status", " installed").endswith(" installed"):
            yield Debian(name=name, version=version, architecture=fields.get("Architecture", "all"))
