"""What git fast-export tells of one path: each commit that changed it, and what it says there."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import IO, TYPE_CHECKING

from mlgitops.errors import GitError
from mlgitops.file.document import MAX_BYTES
from mlgitops.history.declared import Reader
from mlgitops.system import git

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlgitops.history.declared import Stages

_IDENTITY = re.compile(r"(.*?) ?<[^>]*> (\d+) ([+-])(\d\d)(\d\d)", re.ASCII)
_EXPORT = ("fast-export", "--first-parent", "--show-original-ids", "--reencode=yes")
_PART = 1 << 20  # bytes
_FILE = b"100"  # how the mode of a file begins, and not that of a link or of another repository
_REMOVED: Mapping[str, Mapping[str, int | None]] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A commit that changed the path.

    Attributes:
        name: its hash.
        author: a name.
        time: the committer's.
        message: as it was written.
        there: whether the path is a file now.
        stages: what the file declares; nothing where the path was removed, and None where it could
            not be read.
    """

    name: str
    author: str
    time: datetime
    message: str
    there: bool
    stages: Stages | None


def commits(top: Path, tip: str, path: str) -> tuple[Commit, ...]:
    """The commits on the first-parent line of `tip` that changed a path, oldest first.

    One process of git writes it all: each content of the file once, as it is, and each commit with
    what it changed, whatever the user's settings are.

    Args:
        top: the top folder of the work tree.
        tip: a commit.
        path: of a file, from there.

    Raises:
        GitError: there is no such commit, or it cannot be read.
    """
    # it takes one `--` for the end of its own options
    with git.reading(top, *_EXPORT, tip, "--", "--", path) as output:
        return tuple(_commits(output, path.count("/")))


@dataclass(kw_only=True, slots=True)
class _Record:
    """A blob or a commit of git-fast-export's stream, as git-fast-import(1) describes it."""

    kind: bytes
    fields: dict[bytes, list[bytes]] = field(default_factory=dict)
    data: bytes = b""


def _records(stream: IO[bytes]) -> Iterator[_Record]:
    record = _Record(kind=b"")
    for line in stream:
        word, _, rest = line.rstrip(b"\n").partition(b" ")
        if word in (b"blob", b"commit", b"reset"):
            yield record
            record = _Record(kind=word)
        elif word == b"data":
            record.data = _data(stream, int(rest))
        else:
            record.fields.setdefault(word, []).append(rest)
    yield record


def _data(stream: IO[bytes], size: int) -> bytes:
    """The next bytes; of more than any models.yaml may have, only as many as show that."""
    data = stream.read(min(size, MAX_BYTES + 1))
    for rest in range(size - len(data), 0, -_PART):
        stream.read(min(rest, _PART))
    return data


def _commits(stream: IO[bytes], depth: int) -> Iterator[Commit]:
    reader = Reader()
    contents: dict[bytes, Stages | None] = {}  # by the mark of the blob
    for record in _records(stream):
        if record.kind == b"blob":
            text = record.data.decode(errors="replace")
            contents[record.fields[b"mark"][0]] = reader.declared(text)
        elif record.kind == b"commit":
            mode, mark = _set(record, depth)
            yield _commit(record, mode.startswith(_FILE), contents.get(mark, _REMOVED))


def _set(record: _Record, depth: int) -> tuple[bytes, bytes]:
    """The mode and the content that a commit gave the path; empty where it removed it.

    Where the path was a folder, what lies in it is listed as well: that is deeper.
    """
    for line in record.fields.get(b"M", ()):
        mode, mark, path = line.split(b" ", 2)
        if path.count(b"/") == depth:
            return mode, mark
    return b"", b""


def _commit(record: _Record, there: bool, stages: Stages | None) -> Commit:
    name = record.fields[b"original-oid"][0].decode()
    author, _ = _identity(name, record.fields[b"author"][0])
    _, time = _identity(name, record.fields[b"committer"][0])
    message = record.data.decode(errors="replace")
    return Commit(name=name, author=author, time=time, message=message, there=there, stages=stages)


def _identity(commit: str, written: bytes) -> tuple[str, datetime]:
    """The name and the time in the zone of that place."""
    match = _IDENTITY.fullmatch(written.decode(errors="replace"))
    with suppress(ValueError, OverflowError, OSError):
        if match is not None:
            away = timedelta(hours=int(match[4]), minutes=int(match[5]))
            zone = timezone(-away if match[3] == "-" else away)
            return match[1], datetime.fromtimestamp(int(match[2]), zone)
    raise GitError(f"commit {commit} has an author or a time that cannot be read")
