"""Which repository is meant, and how its API is reached, outside of a job as well as inside."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlgitops.errors import UsageError
from mlgitops.github import context
from mlgitops.github.repository import Repository
from mlgitops.history.links import page_of
from mlgitops.history.owner import of_remote
from mlgitops.system import git

if TYPE_CHECKING:
    from collections.abc import Mapping

_PUBLIC = "https://github.com"
_NAME = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")


def connect(name: str = "", environment: Mapping[str, str] | None = None) -> Repository:
    """A repository: the one that is named, else that of the job, else that of git's origin here.

    The token is that of GITHUB_TOKEN, else of GH_TOKEN. Enterprise Server is named by
    GITHUB_SERVER_URL, or by git's origin.

    Raises:
        UsageError: nothing names a repository, or there is no token.
    """
    given = dict(os.environ if environment is None else environment)
    server = given.get("GITHUB_SERVER_URL", "")
    name = name or given.get("GITHUB_REPOSITORY", "")
    if not name and (page := page_of(git.origin(Path()) or "")):
        parts = urlsplit(page)
        server, name = server or f"https://{parts.netloc}", parts.path.strip("/")
    if not _NAME.fullmatch(name):
        found = f"{name!r} is no repository" if name else "no repository is named"
        raise UsageError(f"{found}; pass --repository OWNER/NAME, or set GITHUB_REPOSITORY")
    token = given.get("GITHUB_TOKEN") or given.get("GH_TOKEN")
    if not token:
        raise UsageError(
            "there is no token; set GITHUB_TOKEN to one that may write contents and pull requests "
            f"of {name}"
        )
    server = (server or _PUBLIC).rstrip("/")
    named = {"GITHUB_REPOSITORY": name, "GITHUB_SERVER_URL": server, "GITHUB_TOKEN": token}
    return Repository(context.read({"GITHUB_API_URL": api_of(server), **given, **named}))


def owner_of(repository: Repository) -> str:
    """Who manages the stages of a repository that does not say it: host and path."""
    return of_remote(repository.page)


def api_of(server: str) -> str:
    """The REST API of a server: GitHub's own, of a data region, or of Enterprise Server."""
    scheme, _, host = server.partition("://")
    if host == "github.com" or host.endswith(".ghe.com"):
        return f"{scheme}://api.{host}"
    return f"{server}/api/v3"
