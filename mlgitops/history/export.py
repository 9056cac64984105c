"""What git fast-export tells of models.yaml and what it includes: each commit that changed them."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import IO, TYPE_CHECKING

from mlgitops.errors import GitError
from mlgitops.file.document import MAX_BYTES
from mlgitops.history.declared import Reader, together
from mlgitops.history.paths import Files
from mlgitops.system import git

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlgitops.file.include import Pattern
    from mlgitops.history.declared import Said, Stages

_IDENTITY = re.compile(r"(.*?) ?<[^>]*> (\d+) ([+-])(\d\d)(\d\d)", re.ASCII)
_EXPORT = ("fast-export", "--first-parent", "--show-original-ids", "--reencode=yes")
_PART = 1 << 20  # bytes
_FILE = b"100"  # how the mode of a file begins, and not that of a link or of another repository
_REPOSITORY = b"160000"
_REMOVED: Mapping[str, Mapping[str, int | None]] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A commit that changed models.yaml, or a file that this includes.

    Attributes:
        name: its hash.
        author: a name.
        time: the committer's.
        message: as it was written.
        there: whether models.yaml is a file now.
        stages: what the files declare; nothing where models.yaml was removed, and None where one
            could not be read.
    """

    name: str
    author: str
    time: datetime
    message: str
    there: bool
    stages: Stages | None


def commits(top: Path, tip: str, path: str) -> tuple[Files, tuple[Commit, ...]]:
    """The commits on the first-parent line of `tip` that changed models.yaml, oldest first.

    Those as well that changed what it includes. One process of git writes it all: each content of
    the file once, as it is, and each commit with what it changed, whatever the user's settings are.
    Where the file ever included others, a second one tells of those, too.

    Args:
        top: the top folder of the work tree.
        tip: a commit.
        path: of models.yaml, from there.

    Raises:
        GitError: there is no such commit, or it cannot be read.
    """
    files = Files(path)
    found, included = _exported(top, tip, files)
    if included:
        files = Files(path, included)
        found, _ = _exported(top, tip, files)
    return files, found


def _exported(top: Path, tip: str, files: Files) -> tuple[tuple[Commit, ...], tuple[Pattern, ...]]:
    export = _Export(files)
    # it takes one `--` for the end of its own options
    options = (*_EXPORT, tip, "--", "--", *files.specs)
    with git.reading(top, *options, environment=files.environment) as output:
        found = tuple(export.commits(output))
    return found, tuple(export.included)


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


class _Export:
    """What a stream tells of files, commit by commit.

    Attributes:
        included: all patterns that models.yaml ever had.
    """

    def __init__(self, files: Files) -> None:
        self.included: dict[Pattern, None] = {}
        self._files = files
        self._readers: dict[str, Reader] = {}  # what follows in one file has much in common
        self._said: dict[bytes, Said | None] = {}  # by the mark of the blob
        self._now: dict[str, bytes | None] = {}  # path → mark; None for a link
        self._named: tuple[tuple[Pattern, ...], list[str]] | None = None  # until paths change

    def commits(self, stream: IO[bytes]) -> Iterator[Commit]:
        texts: dict[bytes, bytes] = {}  # a blob comes before the first commit that has it
        for record in _records(stream):
            if record.kind == b"blob":
                texts[record.fields[b"mark"][0]] = record.data
            elif record.kind == b"commit":
                self._move(record, texts)
                texts.clear()
                there = self._now.get(self._files.path) is not None
                yield _commit(record, there, self._stages())

    def _move(self, record: _Record, texts: Mapping[bytes, bytes]) -> None:
        for line in record.fields.get(b"D", ()):
            self._removed(_unquoted(line))
        for line in record.fields.get(b"M", ()):
            mode, mark, quoted = line.split(b" ", 2)
            path = _unquoted(quoted)
            if not self._files.has(path):
                continue
            is_file = mode.startswith(_FILE)
            if mode == _REPOSITORY:
                self._removed(path)
                continue
            if path not in self._now:
                self._named = None
            self._now[path] = mark if is_file else None
            if is_file and mark not in self._said:
                reader = self._readers.setdefault(path, Reader())
                self._said[mark] = said = reader.said(texts[mark].decode(errors="replace"))
                if path == self._files.path and said:
                    self.included.update(dict.fromkeys(said.include))

    def _removed(self, path: str) -> None:
        if path in self._now:
            del self._now[path]
            self._named = None

    def _stages(self) -> Stages | None:
        if self._files.path not in self._now:
            return _REMOVED
        mark = self._now[self._files.path]
        if mark is None:
            return None
        main = self._said[mark]
        if main is None or not main.include:
            return main.stages if main else None
        return together([main, *(self._said[one] for one in self._including(main.include))])

    def _including(self, patterns: tuple[Pattern, ...]) -> Iterator[bytes]:
        """The marks of the files that patterns name now, in the order of their paths."""
        if self._named is None or self._named[0] != patterns:
            self._named = patterns, Files(self._files.path, patterns).among(self._now)
        for path in self._named[1]:
            if (mark := self._now[path]) is not None:
                yield mark


def _unquoted(path: bytes) -> str:
    """A path as git-fast-export writes it: in the quotes of C where it is unusual."""
    if path.startswith(b'"'):
        path = path[1:-1].decode("unicode_escape").encode("latin-1")
    return path.decode(errors="surrogateescape")


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
