"""Who applies, on behalf of which commit: from options, GitHub Actions or git."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

from mlgitops.core.stamp import Author
from mlgitops.errors import GitError
from mlgitops.history import paths
from mlgitops.system import git
from mlgitops.words import one_line

if TYPE_CHECKING:
    from pathlib import Path

UNCOMMITTED = "uncommitted"


def find(file: Path, *, commit: str | None, actor: str | None, pull_request: str | None) -> Author:
    """The author of an apply of `file`; what is not given is looked up.

    Git answers for the commit, and GITHUB_SHA where git cannot; GITHUB_ACTOR answers for the
    person, and git elsewhere. A file that is not committed as it is has the commit `uncommitted`.
    """
    return Author(
        commit=commit or _commit(file),
        actor=actor or who(file),
        pull_request=pull_request,
    )


def who(file: Path) -> str:
    """The person who runs this command on a file."""
    return os.environ.get("GITHUB_ACTOR") or git.ask(file, "config", "user.name") or _me()


def is_committed(file: Path) -> bool:
    """Whether HEAD has a file, and all that it includes, as they are."""
    real = file.resolve()
    there = git.ask(real, "rev-parse", "--verify", "--quiet", f"HEAD:./{real.name}") is not None
    return there and _is_as_committed(file)


def warning(file: Path) -> str:
    """What to say of an apply whose commit is `uncommitted`."""
    try:
        git.run(file, "rev-parse", "--git-dir")
        reason = f"{file} is not committed"
    except GitError as error:
        reason = f"{file} has no commit: {one_line(error)}"
    return (
        f"{reason}; its changes are recorded as `{UNCOMMITTED}`. Commit it before you "
        "apply, or pass --commit"
    )


def _commit(file: Path) -> str:
    """HEAD where it has the file, and what that includes, as they are."""
    try:
        head = git.run(file.resolve(), "rev-parse", "HEAD")
    except GitError:
        return os.environ.get("GITHUB_SHA") or UNCOMMITTED
    return head if is_committed(file) else UNCOMMITTED


def _is_as_committed(file: Path) -> bool:
    place = paths.place(file)
    files = place.files(file)
    try:
        # settings can hide files from `git status`
        asked = ("diff", "--quiet", "HEAD", "--", *files.specs)
        git.run(place.top, *asked, environment=files.environment)
        if not files.included:
            return True
        asked = ("ls-files", "--others", "-z", "--", *files.specs)
        new = git.run(place.top, *asked, environment=files.environment)
    except GitError:
        return False
    return not files.among(new.split("\0"))


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
