"""Who applies, on behalf of which commit: from options, GitHub Actions or git."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

from mlgitops.core.stamp import Author
from mlgitops.system import git

if TYPE_CHECKING:
    from pathlib import Path

UNCOMMITTED = "uncommitted"


def find(file: Path, *, commit: str | None, actor: str | None, pull_request: str | None) -> Author:
    """The author of an apply of `file`; what is not given is looked up.

    On GitHub Actions the variables GITHUB_SHA and GITHUB_ACTOR answer; elsewhere git does. A file
    with changes that are not committed has the commit `uncommitted`.
    """
    return Author(
        commit=commit or os.environ.get("GITHUB_SHA") or _commit(file),
        actor=actor
        or os.environ.get("GITHUB_ACTOR")
        or git.ask(file, "config", "user.name")
        or _me(),
        pull_request=pull_request,
    )


def _commit(file: Path) -> str:
    if git.ask(file, "status", "--porcelain", "--", file.name) != "":
        return UNCOMMITTED
    return git.ask(file, "rev-parse", "HEAD") or UNCOMMITTED


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
