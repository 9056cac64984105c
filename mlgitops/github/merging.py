"""Ask for the merge of a branch that a deployment pushed to a repository on GitHub."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlgitops.deploy.gitops.repository import TOKEN
from mlgitops.github.elsewhere import connect
from mlgitops.history.owner import of_remote
from mlgitops.report.markdown import escaped

if TYPE_CHECKING:
    from mlgitops.deploy.gitops.target import Proposal


def ask(proposal: Proposal) -> str:
    """Open the pull request of a branch, or update the one that is open.

    Returns:
        Its address; empty where it is not on GitHub, or without a token: no other host gets one.

    Raises:
        GitHubError: GitHub refuses.
    """
    host, _, name = of_remote(proposal.repository).partition("/")
    server = os.environ.get("GITHUB_SERVER_URL") or "https://github.com"
    # the one that pushed: a job's own token writes to its own repository only
    token = next(filter(None, map(os.environ.get, (TOKEN, "GITHUB_TOKEN", "GH_TOKEN"))), None)
    if not token or host != urlsplit(server).hostname:
        return ""
    made = connect(name, {**os.environ, "GITHUB_TOKEN": token}).open_pull_request(
        head=proposal.branch,
        base=proposal.base,
        title=proposal.title,
        text=escaped(proposal.text),
    )
    return str(made["html_url"])
