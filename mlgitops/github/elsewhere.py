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
from mlgitops.history.owner import of_remote
from mlgitops.system import git

if TYPE_CHECKING:
    from collections.abc import Mapping

_PUBLIC = "github.com"
_OVER_HTTPS = "ssh.github.com"  # GitHub's SSH on the port of HTTPS
_NAME = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")


def variables(remote: str, given: Mapping[str, str], name: str = "") -> dict[str, str]:
    """What names a repository and its API, as a job of GitHub Actions has it.

    Protocol: docs.github.com, "Store information in variables".

    Args:
        remote: the repository's address as git takes it; empty if it is not known.
        given: the variables of this process, which come first.
        name: OWNER/NAME, before both.

    Returns:
        Without GITHUB_REPOSITORY, or without GITHUB_TOKEN, where nothing tells it.
    """
    host, _, path = of_remote(remote).partition("/")
    if remote.startswith("https://"):  # a server's port is that of its API as well
        host = urlsplit(remote).netloc.rpartition("@")[2].lower()
    known = "." in host
    host = host if known and host != _OVER_HTTPS else _PUBLIC
    server = (given.get("GITHUB_SERVER_URL") or f"https://{host}").rstrip("/")
    found = {
        "GITHUB_SERVER_URL": server,
        "GITHUB_API_URL": given.get("GITHUB_API_URL") or api_of(server),
        "GITHUB_REPOSITORY": name or given.get("GITHUB_REPOSITORY") or (path if known else ""),
        "GITHUB_TOKEN": given.get("GITHUB_TOKEN") or given.get("GH_TOKEN") or "",
    }
    return {key: value for key, value in found.items() if value}


def connect(name: str = "", environment: Mapping[str, str] | None = None) -> Repository:
    """A repository: the one that is named, else that of the job, else that of git's origin here.

    The token is that of GITHUB_TOKEN, else of GH_TOKEN. Enterprise Server is named by
    GITHUB_SERVER_URL, or by git's origin.

    Raises:
        UsageError: nothing names a repository, or there is no token.
    """
    given = dict(os.environ if environment is None else environment)
    named = name or given.get("GITHUB_REPOSITORY")
    found = variables("" if named else git.origin(Path()) or "", given, name)
    repository = found.get("GITHUB_REPOSITORY", "")
    if not _NAME.fullmatch(repository):
        said = f"{repository!r} is no repository" if repository else "no repository is named"
        raise UsageError(f"{said}; pass --repository OWNER/NAME, or set GITHUB_REPOSITORY")
    if "GITHUB_TOKEN" not in found:
        raise UsageError(
            "there is no token; set GITHUB_TOKEN to one that may write contents and pull requests "
            f"of {repository}"
        )
    return Repository(context.read({**given, **found}))


def owner_of(repository: Repository) -> str:
    """Who manages the stages of a repository that does not say it: host and path."""
    return of_remote(repository.page)


def api_of(server: str) -> str:
    """The REST API of a server: GitHub's own, of a data region, or of Enterprise Server."""
    scheme, _, host = server.partition("://")
    if host == "github.com" or host.endswith(".ghe.com"):
        return f"{scheme}://api.{host}"
    return f"{server}/api/v3"
