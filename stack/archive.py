"""A backup's file: a tar of a manifest and the parts that it gives checksums of."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from mlgitops.system import files
from stack.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1
MANIFEST = "manifest.json"
_CHUNK = 1024 * 1024


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


def unpack(source: Path, folder: Path) -> Contents:
    """Check the whole archive and lay its parts into `folder`.

    Raises:
        ArchiveError: it is damaged, incomplete, or something else.
    """
    try:
        with tarfile.open(source) as tar:
            manifest = _manifest(tar, source)
            for name, expected in manifest["sha256"].items():
                part = tar.extractfile(name)
                if part is None or "/" in name:
                    raise ArchiveError(f"{source}: {name} is not a file")
                found = _checksum(part, copy=folder / name)
                if found != expected:
                    raise ArchiveError(f"{source}: {name} is damaged: its checksum does not match")
            return Contents(
                created=manifest["created"],
                revision=manifest["revision"],
                counts={name: (least, most) for name, (least, most) in manifest["counts"].items()},
                files=manifest["files"],
                bytes=manifest["bytes"],
            )
    except (tarfile.TarError, EOFError, KeyError, ValueError) as error:
        raise ArchiveError(f"{source} is not a complete backup: {error}") from None
    except OSError as error:
        raise ArchiveError(f"{source} cannot be read: {error}") from None


def _manifest(tar: tarfile.TarFile, source: Path) -> dict[str, Any]:
    file = tar.extractfile(MANIFEST)
    manifest: dict[str, Any] = json.loads(file.read()) if file else {}
    if manifest.get("format") != FORMAT:
        raise ArchiveError(f"{source}: only backups of format {FORMAT} can be read")
    return manifest


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
