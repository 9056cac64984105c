"""A repository's files, branches and pull requests through GitHub's API, without a clone.

Protocol: docs.github.com/rest: "Git database", "Repository contents", "Pulls"; and for auto-merge
docs.github.com/graphql, "enablePullRequestAutoMerge".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlgitops.errors import GitHubError, GitHubRejectedError
from mlgitops.github.api import GitHub
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PLAIN_FILE = "100644"
_AUTO_MERGE = """\
mutation($pull: ID!, $method: PullRequestMergeMethod!) {
  enablePullRequestAutoMerge(input: {pullRequestId: $pull, mergeMethod: $method}) {
    clientMutationId
  }
}"""


class Repository(GitHub):
    """One repository on GitHub, with a token that may write its contents and pull requests."""

    @property
    def page(self) -> str:
        """The address of its page."""
        return f"{self._context.server}/{self._context.repository}"

    @property
    def name(self) -> str:
        """OWNER/NAME."""
        return self._context.repository

    def settings(self) -> Mapping[str, Any]:
        """The repository itself: its default branch, how pull requests may be merged."""
        found: Mapping[str, Any] = self._json("GET", "")
        return found

    def heads(self, prefix: str) -> dict[str, str]:
        """The branches whose names begin with a text, each with its commit."""
        found = self._json("GET", f"/git/matching-refs/heads/{quote(prefix)}")
        if not isinstance(found, list):
            raise GitHubError("GitHub's answer is no list of branches")
        return {
            str(one["ref"]).removeprefix("refs/heads/"): str(one["object"]["sha"]) for one in found
        }

    def commit(self, sha: str) -> Mapping[str, Any]:
        """A commit: its message, its tree, its parents."""
        found: Mapping[str, Any] = self._json("GET", f"/git/commits/{sha}")
        return found

    def commit_file(self, path: str, text: str, message: Callable[[str], str], parent: str) -> str:
        """Commit another text of a file on top of a commit; returns the new commit.

        The author is the token's account, so that GitHub signs the commits of an app. `message` is
        made from the tree that the commit has.
        """
        entry = {"path": path, "mode": _PLAIN_FILE, "type": "blob", "content": text}
        base = self.commit(parent)["tree"]["sha"]
        tree = self._json("POST", "/git/trees", {"base_tree": base, "tree": [entry]})["sha"]
        body = {"message": message(str(tree)), "tree": tree, "parents": [parent]}
        return str(self._json("POST", "/git/commits", body)["sha"])

    def point(self, branch: str, commit: str, *, exists: bool) -> None:
        """Let a branch be at a commit, wherever it was."""
        if exists:
            change = {"sha": commit, "force": True}
            self._json("PATCH", f"/git/refs/heads/{quote(branch)}", change)
        else:
            self._json("POST", "/git/refs", {"ref": f"refs/heads/{branch}", "sha": commit})

    def remove(self, branch: str) -> None:
        """Remove a branch."""
        self._request("DELETE", self._url(f"/git/refs/heads/{quote(branch)}"))

    def close(self, pull: Mapping[str, Any], comment: str, body: str) -> None:
        """Close a pull request with a last comment and another text."""
        number = pull["number"]
        self._json("POST", f"/issues/{number}/comments", {"body": self._fitted(comment)})
        change = {"state": "closed", "body": self._fitted(body)}
        self._json("PATCH", f"/pulls/{number}", change)

    def enable_auto_merge(self, pull: Mapping[str, Any], method: str) -> None:
        """Ask GitHub to merge a pull request once all that it requires is there.

        Raises:
            GitHubRejectedError: GitHub refuses, with its reason.
        """
        variables = {"pull": pull["node_id"], "method": method}
        body = {"query": _AUTO_MERGE, "variables": variables}
        found = self._json("POST", self._context.graphql, body)
        errors = found.get("errors") if isinstance(found, dict) else None
        if errors:
            raise GitHubRejectedError("; ".join(one_line(one.get("message")) for one in errors))
