"""Answers of earlier runs, kept in files under the digest of all that they depend on.

What is read is data and never code: JSON, beside its own digest, so that half an entry, a damaged
one and one under another name are none. Only this user may write there; else nothing is kept. What
was used least recently goes first where there is too much. Processes need not know of each other:
an entry is written whole under its name or not at all, and one that has gone was never there.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from mlgitops.system import files

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 32 << 20  # bytes of an entry
_SUFFIX, _PART = ".json", ".part"
_LEFT = 3600.0  # seconds after which a part is of a process that was killed
_LOOK = 64  # entries that are written between two looks at what others wrote
_KEPT = 0.9  # of the limit, once there is too much


def caches() -> Path:
    """Where this user's caches of mlgitops are, by the XDG Base Directory Specification."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "mlgitops"


def key(*parts: object) -> str:
    """The name of what depends on some values, which JSON can say; no way leads back to them."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(kw_only=True, slots=True)
class Store:
    """Entries in a folder, of at most so many bytes together.

    Nothing that goes wrong with files is an error: what cannot be read is not there, and what
    cannot be written is computed again.

    Attributes:
        folder: is made, for this user alone; others' are not used.
        most: bytes.
    """

    folder: Path
    most: int
    _lock: Lock = field(default_factory=Lock)
    _size: int = 0
    _written: int = 0

    def get(self, name: str) -> Any:
        """The value under a name that `key` made; None if there is none."""
        path = self.folder / f"{name}{_SUFFIX}"
        try:
            if not self._ours():
                return None
            content = files.read_bytes(path, limit=LARGEST)
        except OSError:
            return None
        head, _, body = content.partition(b"\n")
        if head.decode("ascii", "replace") != _seal(name, body):
            return None
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return None
        with suppress(OSError):
            os.utime(path)
        return value

    def put(self, name: str, value: object) -> None:
        """Keep a value, which JSON can say, under a name that `key` made."""
        body = json.dumps(value, separators=(",", ":")).encode()
        content = f"{_seal(name, body)}\n".encode() + body
        if len(content) > min(LARGEST, self.most):
            return
        with suppress(OSError), self._lock:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._ours():
                self._make_room(len(content))
                self._write(self.folder / f"{name}{_SUFFIX}", content)

    def _ours(self) -> bool:
        """Whether nobody but this user can write here."""
        found = self.folder.lstat()
        alone = not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and alone

    def _write(self, path: Path, content: bytes) -> None:
        part = path.with_name(f"{secrets.token_hex(8)}{_PART}")
        try:
            with part.open("xb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(content)  # one that a power cut halves has another digest
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        self._size += len(content)

    def _make_room(self, more: int) -> None:
        """Remove what was used least recently if there is no room for so many bytes."""
        self._written += 1
        if self._written % _LOOK != 1 and self._size + more <= self.most:
            return
        found = sorted(_entries(self.folder))
        self._size = sum(size for _, size, _ in found)
        if self._size + more <= self.most:
            return
        for _, size, path in found:
            if self._size + more <= _KEPT * self.most:
                break
            path.unlink(missing_ok=True)
            self._size -= size


def _seal(name: str, body: bytes) -> str:
    """What shows that an entry is whole, and the one of that name."""
    return hashlib.sha256(name.encode() + b"\0" + body).hexdigest()


def _entries(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """When each was last used, its bytes, and where it is; parts that were left are removed."""
    for path in folder.iterdir():
        with suppress(OSError):
            found = path.lstat()
            if path.suffix == _PART and time.time() - found.st_mtime > _LEFT:
                path.unlink(missing_ok=True)
            elif path.suffix == _SUFFIX:
                yield found.st_mtime, found.st_size, path
