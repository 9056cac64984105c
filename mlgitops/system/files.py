"""Files that are written whole or not at all, and read up to a limit."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import select
import stat
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.errors import FileWriteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

# what is found there may be an open file of this process, such as /dev/stdout, and no name of one
_NO_FOLDERS = (Path("/dev"), Path("/proc"))
_BLOCK = 2**20  # bytes
_FIRST = 10.0  # seconds until whoever is to write to a pipe begins
_WHOLE = 120.0  # seconds until they end


def read_text(path: Path, *, limit: int) -> str:
    """Read a file of text in UTF-8, line endings as they are; see `read_bytes`.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    return read_bytes(path, limit=limit).decode()


def read_bytes(path: Path, *, limit: int) -> bytes:
    """Read a file, or a pipe until those who write to it end.

    Args:
        path: the file; a pipe may have a name, such as that of `<(command)`.
        limit: the most bytes that it may have.

    Raises:
        OSError: there is none, it is larger or a device, or nobody writes to the pipe, or without
            end; `strerror` says which.
    """
    # without O_NONBLOCK, opening a pipe waits until somebody writes to it
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(kind):
            raise _unreadable(path, errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(kind) and not stat.S_ISFIFO(kind):
            raise _unreadable(path, errno.EINVAL, "it is a device and no file")
        blocks, size, begun = [], 0, time.monotonic()
        pipe = stat.S_ISFIFO(kind)
        while block := (
            _block(descriptor, path, begun, any_yet=size > 0)
            if pipe
            else os.read(descriptor, _BLOCK)
        ):
            blocks.append(block)
            size += len(block)
            if size > limit:
                raise _unreadable(path, errno.EFBIG, f"it is larger than {_size(limit)}")
        return b"".join(blocks)
    finally:
        os.close(descriptor)


def _block(descriptor: int, path: Path, begun: float, *, any_yet: bool) -> bytes:
    """The next bytes of a pipe; none at the end."""
    while True:
        waited = time.monotonic() - begun
        if waited > _WHOLE or (waited > _FIRST and not any_yet):
            what = "ends" if any_yet else "begins"
            raise _unreadable(path, errno.ETIMEDOUT, f"it is a pipe, and nobody {what} to write")
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(1000):
            continue
        with suppress(BlockingIOError):
            return os.read(descriptor, _BLOCK)


def _size(limit: int) -> str:
    return f"{limit >> 20} MiB" if limit >= 2**20 else f"{limit >> 10} KiB"


def _unreadable(path: Path, number: int, why: str) -> OSError:
    return OSError(number, why, str(path))


def sha256(path: Path) -> str:
    """The digest of a file's content, in hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_text(path: Path, text: str, *, mode: int | None = None) -> None:
    """Write a file of text in UTF-8; see `replacing`."""
    write_pieces(path, [text], mode=mode)


def write_pieces(path: Path, pieces: Iterable[str], *, mode: int | None = None) -> None:
    """Write a file of text in UTF-8 piece by piece; see `replacing`.

    Whatever making a piece raises leaves the old file as it was.
    """
    with replacing(path, mode=mode) as file:
        for piece in pieces:
            file.write(_encoded(piece))


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
        raise _unwritable(path, error) from error


def append_text(path: Path, text: str) -> None:
    """Append text in UTF-8 to a file that others append to as well.

    Raises:
        FileWriteError: it cannot be written; some of the text may be there.
    """
    try:
        with path.open("ab") as file:
            file.write(_encoded(text))
    except OSError as error:
        raise _unwritable(path, error) from error


def _encoded(text: str) -> bytes:
    # JSON has halves of characters, which UTF-8 has not; so written, they are JSON again
    return text.encode(errors="backslashreplace")


def _unwritable(path: Path, error: OSError) -> FileWriteError:
    return FileWriteError(f"cannot write {path}: {error.strerror or error}")


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
