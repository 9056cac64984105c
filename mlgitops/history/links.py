"""Links to pages of the repository's host."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import TYPE_CHECKING

from mlgitops.system import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# git@HOST:OWNER/NAME.git, ssh://git@HOST/OWNER/NAME, https://HOST/OWNER/NAME.git; no login of it
_REMOTE = re.compile(r"(?:https?://|ssh://)?(?:[^@/]+@)?([^:/]+)[:/](?:\d+/)?([^:]+?)(?:\.git)?/?")

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")  # whole: a run's tag may say anything


def comparing(file: Path) -> Callable[[str, str], str | None]:
    """What makes a link to the difference of two commits of a file's repository."""

    def link(old: str, new: str) -> str | None:
        if old == new or not (_COMMIT.fullmatch(old) and _COMMIT.fullmatch(new)):
            return None
        found = page(file)
        return f"{found}/compare/{old}...{new}" if found else None

    return link


def page(file: Path) -> str | None:
    """The repository's page: what GitHub Actions says, else that of the remote `origin`."""
    return _page(file.resolve())


@cache
def _page(file: Path) -> str | None:
    server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    if server and name:
        return f"{server}/{name}"
    remote = git.origin(file)
    return page_of(remote) if remote else None


def page_of(remote: str) -> str | None:
    """The page of a remote's address; None if it is none of a host, such as a folder.

    >>> page_of("git@github.com:octo/models.git")
    'https://github.com/octo/models'
    """
    match = _REMOTE.fullmatch(remote.strip())
    if match is None or "." not in match[1] or remote.startswith(("/", ".", "file:")):
        return None
    return f"https://{match[1]}/{match[2]}"
