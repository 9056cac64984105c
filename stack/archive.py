"""A backup's file: a tar of a manifest and the parts that it gives checksums of."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping  # noqa: TC003 - manifests are checked against it
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from mlgitops.system import files
from mlgitops.words import one_line
from stack.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FORMAT = 1
MANIFEST = "manifest.json"
_CHUNK = 1024 * 1024
_LARGEST_MANIFEST = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What was in the stack: enough to tell whether a restore brought it back.

    `counts` holds the least and the most rows that a table had while it was saved.
    """

    created: str
    revision: str
    counts: Mapping[str, tuple[int, int]]
    files: int
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Manifest:
    """The form of the manifest."""

    format: Literal[1]
    created: str
    revision: str
    counts: Mapping[str, tuple[int, int]]
    files: int
    bytes: int
    sha256: Mapping[str, str]


_FORM = TypeAdapter(_Manifest)


def write(target: Path, contents: Contents, parts: Mapping[str, Path]) -> None:
    """Write the archive; `target` is never half of one.

    Raises:
        FileWriteError: it cannot be written.
    """
    manifest = {
        "format": FORMAT,
        "created": contents.created,
        "revision": contents.revision,
        "counts": dict(contents.counts),
        "files": contents.files,
        "bytes": contents.bytes,
        "sha256": {name: _checksum(path.open("rb")) for name, path in parts.items()},
    }
    content = json.dumps(manifest, indent=2).encode()
    entry = tarfile.TarInfo(MANIFEST)
    entry.size = len(content)
    with (
        files.replacing(target, mode=0o600) as file,
        tarfile.open(fileobj=file, mode="w") as tar,
    ):
        tar.addfile(entry, io.BytesIO(content))
        for name, path in parts.items():
            tar.add(path, arcname=name)


def unpack(source: Path, folder: Path, names: Iterable[str]) -> Contents:
    """Check the whole archive and lay its parts into `folder`.

    Args:
        source: the file; the parts cannot be larger than it is.
        folder: an empty one.
        names: of the parts that a backup has; nothing else of the archive is read.

    Raises:
        ArchiveError: it is damaged, incomplete, or something else.
    """
    try:
        if not source.is_file():
            raise ArchiveError(f"{source} is not a file")
        with tarfile.open(source, "r:") as tar:
            manifest = _manifest(tar, source)
            for name in names:
                found = _checksum(_part(tar, name, source.stat().st_size), copy=folder / name)
                if found != manifest.sha256[name]:
                    raise ArchiveError(f"{source}: {name} is damaged: its checksum does not match")
    except (tarfile.TarError, EOFError, KeyError, ValueError) as error:
        raise ArchiveError(f"{source} is not a complete backup: {one_line(error)[:300]}") from None
    except OSError as error:
        raise ArchiveError(f"{source} cannot be read: {error}") from None
    return Contents(
        created=manifest.created,
        revision=manifest.revision,
        counts=manifest.counts,
        files=manifest.files,
        bytes=manifest.bytes,
    )


def _manifest(tar: tarfile.TarFile, source: Path) -> _Manifest:
    written = _part(tar, MANIFEST, _LARGEST_MANIFEST).read()
    try:
        return _FORM.validate_json(written)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["loc"] == ("format",):
            raise ArchiveError(f"{source}: only backups of format {FORMAT} can be read") from None
        where = ".".join(map(str, first["loc"]))
        raise ArchiveError(
            f"{source}: its manifest cannot be read: {where}: {first['msg']}"
        ) from None


def _part(tar: tarfile.TarFile, name: str, limit: int) -> IO[bytes]:
    """A plain file of the archive: no link, and none that is larger than what is written of it.

    Raises:
        ValueError: it is none.
        KeyError: there is nothing of that name.
    """
    entry = tar.getmember(name)
    part = tar.extractfile(entry) if entry.isreg() and entry.size <= limit else None
    if part is None:
        msg = f"{name} is not a plain file"
        raise ValueError(msg)
    return part


def _checksum(file: IO[bytes], *, copy: Path | None = None) -> str:
    digest = hashlib.sha256()
    target = copy.open("wb") if copy else None
    try:
        with file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                if target:
                    target.write(chunk)
    finally:
        if target:
            target.close()
    return digest.hexdigest()
