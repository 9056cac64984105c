"""What git knows of models.yaml: its revisions on the first-parent line of HEAD."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mlgitops.errors import GitError
from mlgitops.system import git

if TYPE_CHECKING:
    from pathlib import Path

# commit, committer's time, author, subject, body; no text of git's holds NUL
_FORMAT = "%H%x00%cI%x00%an%x00%s%x00%b%x1e"
_MERGE = re.compile(r"^Merge pull request #(\d+)|\(#(\d+)\)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A commit that changed the file.

    Attributes:
        time: when it came onto this line of history (the committer's time).
        pull_request: what its subject says, as GitHub writes it for merges and squashes.
        text: the file at this commit; None where the commit removed it.
    """

    commit: str
    time: datetime
    author: str
    subject: str
    pull_request: str | None
    text: str | None


def revisions_of(file: Path) -> tuple[Revision, ...]:
    """The commits that changed a file, oldest first.

    A merge counts as one commit: what a branch tried before it was merged was never declared.

    Raises:
        GitError: there is no git, no repository, no such file in it, or the history is cut off.
    """
    if git.run(file, "rev-parse", "--is-shallow-repository") == "true":
        raise GitError(
            "the clone is shallow; run `git fetch --unshallow`, or in a workflow set "
            "`fetch-depth: 0`"
        )
    listed = git.run(
        file, "log", "--first-parent", "-m", "--reverse", f"--format={_FORMAT}", "--", file.name
    )
    found = tuple(_revision(file, record) for record in listed.split("\x1e") if record.strip())
    if not found:
        raise GitError(f"no commit on this branch has {file}; commit it first")
    return found


def head_time(file: Path) -> datetime:
    """When the commit that is checked out was made (the committer's time).

    Raises:
        GitError: there is no commit.
    """
    return datetime.fromisoformat(git.run(file, "log", "-1", "--format=%cI"))


def text_at(file: Path, revision: str) -> str | None:
    """The text of a file at a revision; None if it is not there.

    Raises:
        GitError: the revision does not exist.
    """
    commit = git.run(file, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    return git.ask(file, "show", f"{commit}:./{file.name}")


def _revision(file: Path, record: str) -> Revision:
    commit, time, author, subject, body = record.strip("\n").split("\x00", 4)
    merge = _MERGE.search(subject)
    # a merge's subject names branches; what it is about is the first line of its body
    about = body.strip().splitlines()[:1] if subject.startswith("Merge pull request") else []
    return Revision(
        commit=commit,
        time=datetime.fromisoformat(time),
        author=author,
        subject=about[0] if about else subject,
        pull_request=(merge[1] or merge[2]) if merge else None,
        text=text_at(file, commit),
    )
