"""What git knows of models.yaml: its revisions on the first-parent line of HEAD."""

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
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlgitops.history.declared import Stages

_MERGE = re.compile(r"^Merge pull request #(\d+)|\(#(\d+)\)$")
_IDENTITY = re.compile(r"(.*?) ?<[^>]*> (\d+) ([+-])(\d\d)(\d\d)")
_BLANK = re.compile(r"\n\s*\n")
_EXPORT = ("fast-export", "--first-parent", "--show-original-ids", "--reencode=yes", "HEAD", "--")
_PART = 1 << 20  # bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A commit that changed the file.

    Attributes:
        time: when it came onto this line of history (the committer's time).
        pull_request: what its subject says, as GitHub writes it for merges and squashes.
        stages: what the file declared; nothing where the commit removed it, and None where it could
            not be read.
    """

    commit: str
    time: datetime
    author: str
    subject: str
    pull_request: str | None
    stages: Stages | None


def revisions_of(file: Path) -> tuple[Revision, ...]:
    """The commits that changed a file, oldest first.

    A merge counts as one commit: what a branch tried before it was merged was never declared. One
    process of git writes it all, `git fast-export`: each content of the file once, as it is, and
    each commit with what it changed, whatever the user's settings are.

    Raises:
        GitError: there is no git, no repository, no such file in it, or the history is cut off.
    """
    _require_whole(file)
    try:
        with git.reading(file, *_EXPORT, f":(literal){file.name}") as output:
            found = tuple(_revisions(output))
    except GitError:
        if git.ask(file, "rev-parse", "--verify", "--quiet", "HEAD"):
            raise
        found = ()  # there is no commit at all
    if not found:
        raise GitError(f"no commit on this branch has {file}; commit it first")
    return found


def changed_at(file: Path) -> datetime | None:
    """When a file was last changed on this line of history; None if no commit has it.

    As in `revisions_of`, a merge counts as one commit.

    Raises:
        GitError: there is no commit, or the history is cut off: its last commit seems to have
            changed every file.
    """
    _require_whole(file)
    command = ("log", "-1", "--first-parent", "--format=%cI", "--", f":(literal){file.name}")
    time = git.run(file, *command)
    return datetime.fromisoformat(time) if time else None


def _require_whole(file: Path) -> None:
    if git.run(file, "rev-parse", "--is-shallow-repository") == "true":
        raise GitError(
            "the clone is shallow; run `git fetch --unshallow`, or in a workflow set "
            "`fetch-depth: 0`"
        )


def text_at(file: Path, revision: str) -> str | None:
    """The text of a file at a revision; None if it is not there.

    Raises:
        GitError: the revision does not exist.
    """
    commit = git.run(file, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    return git.ask(file, "show", f"{commit}:./{file.name}")


@dataclass(kw_only=True, slots=True)
class _Record:
    """A blob or a commit of git-fast-export's stream, as git-fast-import(1) describes it."""

    kind: bytes
    fields: dict[bytes, bytes] = field(default_factory=dict)
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
            record.fields[word] = rest
    yield record


def _data(stream: IO[bytes], size: int) -> bytes:
    """The next bytes; of more than any models.yaml may have, only as many as show that."""
    data = stream.read(min(size, MAX_BYTES + 1))
    for rest in range(size - len(data), 0, -_PART):
        stream.read(min(rest, _PART))
    return data


def _revisions(stream: IO[bytes]) -> Iterator[Revision]:
    reader = Reader()
    contents: dict[bytes, Stages | None] = {}  # by the mark of the blob
    for record in _records(stream):
        if record.kind == b"blob":
            text = record.data.decode(errors="replace")
            contents[record.fields[b"mark"]] = reader.declared(text)
        elif record.kind == b"commit":
            mode_mark_path = record.fields.get(b"M", b"  ").split(b" ")
            yield _revision(record, contents.get(mode_mark_path[1], {}))


def _revision(record: _Record, stages: Stages | None) -> Revision:
    commit = record.fields[b"original-oid"].decode()
    author, _ = _identity(commit, record.fields[b"author"])
    _, time = _identity(commit, record.fields[b"committer"])
    head, *rest = _BLANK.split(record.data.decode(errors="replace").strip(), 1)
    subject = one_line(head)
    merge = _MERGE.search(subject)
    # a merge's subject names branches; what it is about is the first line of its body
    about = rest[0].splitlines()[:1] if rest and subject.startswith("Merge pull request") else []
    return Revision(
        commit=commit,
        time=time,
        author=author,
        subject=about[0] if about else subject,
        pull_request=(merge[1] or merge[2]) if merge else None,
        stages=stages,
    )


def _identity(commit: str, written: bytes) -> tuple[str, datetime]:
    """The name and the time in the zone of that place."""
    match = _IDENTITY.fullmatch(written.decode(errors="replace"))
    with suppress(ValueError, OverflowError, OSError):
        if match is not None:
            away = timedelta(hours=int(match[4]), minutes=int(match[5]))
            zone = timezone(-away if match[3] == "-" else away)
            return match[1], datetime.fromtimestamp(int(match[2]), zone)
    raise GitError(f"commit {commit} has an author or a time that cannot be read")
