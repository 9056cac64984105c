"""GitHub, where the repository lives there: who is asked for pull requests and told of commits."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlgitops.github.api import GitHub
from mlgitops.github.context import read
from mlgitops.history.owner import of_remote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.sync.repository import Remote

TOKEN = "GITHUB_TOKEN"  # noqa: S105 - the name of a variable
_PUBLIC = "github.com"
_OVER_HTTPS = "ssh.github.com"  # GitHub's SSH on the port of HTTPS
_RESIDENT = ".ghe.com"  # GitHub Enterprise Cloud with data residency


def variables(remote: Remote, commit: str, given: Mapping[str, str]) -> dict[str, str]:
    """What the verbs that ask GitHub read, as a workflow would have it; nothing without a token.

    Protocol: docs.github.com, "Store information in variables".
    """
    token = given.get(TOKEN)
    if not token:
        return {}
    host, _, name = of_remote(remote.address).partition("/")
    host = _PUBLIC if host == _OVER_HTTPS else host
    if remote.address.startswith("https://"):  # a server's port is that of its API as well
        host = urlsplit(remote.address).netloc.rpartition("@")[2].lower()
    return {
        "GITHUB_API_URL": given.get("GITHUB_API_URL") or _api(host),
        "GITHUB_SERVER_URL": given.get("GITHUB_SERVER_URL") or f"https://{host}",
        "GITHUB_REPOSITORY": given.get("GITHUB_REPOSITORY") or name,
        "GITHUB_SHA": commit,
        "GITHUB_REF_NAME": remote.branch,
        TOKEN: token,
    }


def _api(host: str) -> str:
    """The address of the REST API: of github.com, of a company's subdomain, of a server."""
    if host == _PUBLIC or host.endswith(_RESIDENT):
        return f"https://api.{host}"
    return f"https://{host}/api/v3"


def api(found: Mapping[str, str]) -> GitHub:
    """A client for these variables."""
    return GitHub(read(found))
