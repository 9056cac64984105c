"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.errors import FileWriteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

# what is found there may be an open file of this process, such as /dev/stdout, and no name of one
_NO_FOLDERS = (Path("/dev"), Path("/proc"))


def write_text(path: Path, text: str, *, mode: int | None = None) -> None:
    """Write a file of text in UTF-8; see `replacing`."""
    write_pieces(path, [text], mode=mode)


def write_pieces(path: Path, pieces: Iterable[str], *, mode: int | None = None) -> None:
    """Write a file of text in UTF-8 piece by piece; see `replacing`.

    Whatever making a piece raises leaves the old file as it was.
    """
    with replacing(path, mode=mode) as file:
        for piece in pieces:
            file.write(piece.encode())


@contextmanager
def replacing(path: Path, *, mode: int | None = None) -> Iterator[IO[bytes]]:
    """A new file that takes the place of `path` when the block ends, unless it raises.

    Readers find the old file or the new one, never a part. Owner, mode and symbolic links stay. A
    pipe, a device or an open file such as /dev/stdout is written straight through.

    Args:
        path: the file; its folder must exist.
        mode: permissions; default: those of the old file, or what the umask leaves.

    Raises:
        FileWriteError: it cannot be written; the old file is as it was.
    """
    try:
        if _is_a_name(path):
            with _beside(path.resolve(), mode) as file:
                yield file
        else:
            with path.open("wb") as file:
                yield file
    except OSError as error:
        raise FileWriteError(f"cannot write {path}: {error.strerror or error}") from error


def _is_a_name(path: Path) -> bool:
    """Whether another file can take the place of what a path names."""
    if any(path.absolute().is_relative_to(folder) for folder in _NO_FOLDERS):
        return False
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


@contextmanager
def _beside(target: Path, mode: int | None) -> Iterator[IO[bytes]]:
    if target.exists():
        target.open("r+b").close()  # a file that may not be written is not to be replaced either
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            _dress(file, target, mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _dress(file: IO[bytes], target: Path, mode: int | None) -> None:
    """Give a new file the owner and the permissions of the old one."""
    with suppress(FileNotFoundError):
        old = target.stat()
        with suppress(PermissionError):  # only root may give files away
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
        mode = stat.S_IMODE(old.st_mode) if mode is None else mode
    if mode is not None:
        os.fchmod(file.fileno(), mode)
