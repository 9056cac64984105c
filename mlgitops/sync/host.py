"""GitHub, where the repository lives there: who is asked for pull requests and told of commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.github import elsewhere
from mlgitops.github.api import GitHub
from mlgitops.github.context import read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.sync.repository import Remote

TOKEN = "GITHUB_TOKEN"  # noqa: S105 - the name of a variable


def variables(remote: Remote, commit: str, given: Mapping[str, str]) -> dict[str, str]:
    """What the verbs that ask GitHub read, as a workflow would have it; nothing without a token."""
    found = elsewhere.variables(remote.address, given)
    if TOKEN not in found:
        return {}
    return {**found, "GITHUB_SHA": commit, "GITHUB_REF_NAME": remote.branch}


def api(found: Mapping[str, str]) -> GitHub:
    """A client for these variables."""
    return GitHub(read(found))
