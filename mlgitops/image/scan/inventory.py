"""What is installed in an image, read from its files without running anything of it."""

from __future__ import annotations

import base64
import posixpath
import shlex
from csv import reader
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.errors import ImageError
from mlgitops.image.scan import packages
from mlgitops.image.scan.values import Debian, Inventory, Recorded, System
from mlgitops.words import whole_number

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterator, Mapping

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
        ImageError: it is no serving image, or the metadata of its packages cannot be read.
    """
    with TemporaryDirectory(prefix="mlgitops-scan-") as folder:
        texts = dict(_unpacked(archive, Path(folder)))
        if _ENVIRONMENT not in texts:
            raise ImageError(
                f"{image} has no Python environment in /venv, so it is not a serving image"
            )
        sites = {
            posixpath.dirname(posixpath.dirname(path))
            for path in texts
            if path.endswith(_METADATA) and not path.startswith(_DEBIANS)
        }
        bill = packages.bill([Path(folder, site) for site in sorted(sites)], image)
    return Inventory(
        python=_python(texts[_ENVIRONMENT]),
        system=next((_system(texts[path]) for path in _SYSTEM if path in texts), None),
        bill=bill,
        packages=packages.listed(bill),
        debian=tuple(
            one for path in sorted(texts) if _is_debian(path) for one in _debian(texts[path])
        ),
        recorded=MappingProxyType(dict(_recorded(texts))),
    )


def _unpacked(archive: tarfile.TarFile, folder: Path) -> Iterator[tuple[str, str]]:
    """The files that say what is installed, with their text; each lies in the folder as well."""
    for member in archive:
        path = posixpath.normpath(member.name).lstrip("/")
        if ".." in PurePosixPath(path).parts or not (member.isfile() and _wanted(path)):
            continue
        if file := archive.extractfile(member):
            content = file.read()
            copy = folder / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
            yield path, content.decode(errors="replace")


def _wanted(path: str) -> bool:
    named = path.endswith((*_METADATA, _RECORD)) or path in (_ENVIRONMENT, *_SYSTEM)
    return named or _is_sums(path) or _is_debian(path)


def _is_sums(path: str) -> bool:
    return path.startswith(_SUMS) and path.endswith(".md5sums")


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


def _recorded(texts: Mapping[str, str]) -> Iterator[tuple[str, Recorded]]:
    """The files that packages were published with, by their paths in the image."""
    for path, text in texts.items():
        if path.endswith(_RECORD):
            yield from _of_record(path, text)
        elif _is_sums(path):
            yield from _of_sums(path, text)


def _of_record(record: str, text: str) -> Iterator[tuple[str, Recorded]]:
    """The files that a RECORD lists with a hash.

    Source: PyPA specifications, "Recording installed projects".
    """
    folder = posixpath.dirname(posixpath.dirname(record))
    package = posixpath.basename(posixpath.dirname(record)).split("-")[0]
    for row in reader(text.splitlines()):
        size = whole_number(row[2]) if len(row) == 3 else None
        if size is not None and row[1].startswith("sha256="):
            path = posixpath.normpath(posixpath.join("/", folder, row[0])).lstrip("/")
            digest = base64.urlsafe_b64decode(row[1].removeprefix("sha256=") + "==").hex()
            yield (
                path,
                Recorded(package=package, algorithm="sha256", digest=digest, size=size),
            )


def _of_sums(listing: str, text: str) -> Iterator[tuple[str, Recorded]]:
    """The files that a package of Debian lists; source: deb-md5sums(5)."""
    package = posixpath.basename(listing).removesuffix(".md5sums").split(":")[0]
    for line in text.splitlines():
        digest, _, path = line.partition("  ")
        if path:
            yield path, Recorded(package=package, algorithm="md5", digest=digest)


def _system(text: str) -> System:
    """The system that an os-release names; source: os-release(5)."""
    pairs = (word.partition("=") for word in shlex.split(text, comments=True))
    known: Mapping[str, str] = {name: value for name, _, value in pairs}
    return System(identity=known.get("ID", "linux"), version=known.get("VERSION_ID", ""))


def _debian(status: str) -> Iterator[Debian]:
    """The packages that a status file of dpkg says are installed."""
    for stanza in status.split("\n\n"):
        fields = HeaderParser().parsestr(stanza.strip())
        name, version = fields.get("Package"), fields.get("Version")
        # a file of status.d has no status: it is there because the package is
        if name and version and fields.get("Status", " installed").endswith(" installed"):
            yield Debian(name=name, version=version, architecture=fields.get("Architecture", "all"))
