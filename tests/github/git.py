"""The Git database of the fake GitHub: branches, commits and trees of text files.

Protocol: docs.github.com/rest: "Git database", "Repository contents", "Pulls".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from hashlib import sha1
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.github.routes import Call


@dataclass(frozen=True)
class Refused:
    """An answer without success."""

    status: int
    message: str = "Not Found"


@dataclass
class Git:
    """What was pushed.

    Attributes:
        heads: branch → commit.
        commits: as the API tells them.
        trees: tree → path → text.
        links: paths of files that are links.
        truncated: whether the lists of trees end before their ends.
    """

    heads: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, Any]] = field(default_factory=dict)
    trees: dict[str, dict[str, str]] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    truncated: bool = False

    def tree(self, files: dict[str, str]) -> str:
        """A tree of these files."""
        sha = _sha(files)
        self.trees[sha] = files
        return sha

    def commit(self, tree: str, message: str, *parents: str) -> str:
        """A commit of a tree."""
        made = {"message": message, "tree": {"sha": tree}, "parents": [{"sha": p} for p in parents]}
        sha = _sha([made, len(self.commits)])
        self.commits[sha] = {"sha": sha, **made}
        return sha

    def push(self, branch: str, message: str = "Change", **files: str) -> str:
        """Commit files on a branch; `__` in a name is a dot."""
        head = self.heads.get(branch)
        before = self.files(head) if head else {}
        changed = {name.replace("__", "."): text for name, text in files.items()}
        parents = [head] if head else []
        self.heads[branch] = self.commit(self.tree(before | changed), message, *parents)
        return self.heads[branch]

    def files(self, commit: str) -> dict[str, str]:
        """What a commit has, by its id or its branch."""
        sha = self.heads.get(commit, commit)
        return self.trees[self.commits[sha]["tree"]["sha"]]


def _sha(what: object) -> str:
    return sha1(json.dumps(what, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def matching(call: Call) -> Any:
    """List matching references."""
    heads = call.hub.git.heads.items()
    return [
        {"ref": f"refs/heads/{name}", "object": {"type": "commit", "sha": sha}}
        for name, sha in sorted(heads)
        if name.startswith(call.key)
    ]


def contents(call: Call) -> Any:
    """Get repository content, as `application/vnd.github.raw+json`."""
    commit = call.query["ref"][0]
    found = call.hub.blobs.get(f"{call.key}?{commit}")
    if found is None:
        found = call.hub.git.files(commit).get(call.key)
    return Refused(404) if found is None else found.encode()


def commit(call: Call) -> Any:
    """Get a commit object."""
    return call.hub.git.commits.get(call.key) or Refused(404)


def tree(call: Call) -> Any:
    """Get a tree, recursively."""
    assert call.query["recursive"] == ["1"]
    git = call.hub.git
    listed = [
        {
            "path": path,
            "mode": "120000" if path in git.links else "100644",
            "type": "blob",
            "sha": _sha(text),
        }
        for path, text in sorted(git.files(call.key).items())
    ]
    return {"truncated": git.truncated, "tree": listed[: len(listed) // (1 + git.truncated)]}


def make_tree(call: Call) -> Any:
    """Create a tree."""
    git, body = call.hub.git, call.body
    files = dict(git.trees[body["base_tree"]])
    for entry in body["tree"]:
        assert (entry["mode"], entry["type"]) == ("100644", "blob")
        files[entry["path"]] = entry["content"]
    return {"sha": git.tree(files)}


def make_commit(call: Call) -> Any:
    """Create a commit."""
    git, body = call.hub.git, call.body
    assert body["tree"] in git.trees
    return git.commits[git.commit(body["tree"], body["message"], *body["parents"])]


def make_ref(call: Call) -> Any:
    """Create a reference."""
    name = call.body["ref"].removeprefix("refs/heads/")
    if name in call.hub.git.heads:
        return Refused(422, "Reference already exists")
    call.hub.git.heads[name] = call.body["sha"]
    return {"ref": call.body["ref"], "object": {"sha": call.body["sha"]}}


def update_ref(call: Call) -> Any:
    """Update a reference."""
    heads, body = call.hub.git.heads, call.body
    if call.key not in heads:
        return Refused(422, "Reference does not exist")
    parents = [p["sha"] for p in call.hub.git.commits[body["sha"]]["parents"]]
    if not body["force"] and heads[call.key] not in parents:
        return Refused(422, "Update is not a fast forward")
    heads[call.key] = body["sha"]
    return {"ref": f"refs/heads/{call.key}", "object": {"sha": body["sha"]}}


def delete_ref(call: Call) -> Any:
    """Delete a reference; closes its pull requests."""
    if call.hub.git.heads.pop(call.key, None) is None:
        return Refused(422, "Reference does not exist")
    for pull in call.hub.pulls:
        if pull["head"] == call.key and pull["state"] == "open":
            pull["state"] = "closed"
    return b""


def open_pull(call: Call) -> Any:
    """Create a pull request."""
    hub, body = call.hub, call.body
    if hub.git.heads:  # else nobody looks at branches
        head, base = hub.git.heads.get(body["head"]), hub.git.heads.get(body["base"])
        if head is None or head == base:
            return Refused(422, "Validation Failed: No commits between the branches")
        if any(p["head"] == body["head"] and p["state"] == "open" for p in hub.pulls):
            return Refused(422, "Validation Failed: A pull request already exists")
    return hub.pull(hub.add_pull(body)["number"])


def graphql(call: Call) -> Any:
    """The texts of blobs; or `enablePullRequestAutoMerge`, whose refusal has status 200."""
    hub, given = call.hub, call.body["variables"]
    if "... on Blob" in call.body["query"]:
        assert given == {"owner": "windy", "name": "farm"}
        texts = {_sha(text): text for tree in hub.git.trees.values() for text in tree.values()}
        asked = re.findall(r'(b\d+): object\(oid: "(\w+)"\)', call.body["query"])
        found = {
            n: {"text": texts[oid], "isTruncated": "TOO LONG" in texts[oid]} for n, oid in asked
        }
        return {"data": {"repository": found}}
    assert "enablePullRequestAutoMerge" in call.body["query"]
    if hub.no_auto_merge:
        where = {"type": "UNPROCESSABLE", "path": ["enablePullRequestAutoMerge"]}
        return {"data": None, "errors": [{"message": hub.no_auto_merge, **where}]}
    (pull,) = (p for p in hub.pulls if f"PR_{p['number']}" == given["pull"])
    pull["auto_merge"] = {"merge_method": given["method"].lower()}
    return {"data": {"enablePullRequestAutoMerge": {"clientMutationId": None}}}


def settings(call: Call) -> Any:
    """Get a repository."""
    return {"default_branch": "main", "allow_merge_commit": True, **call.hub.about}


ROUTES = {
    r"GET ": settings,
    r"GET /git/matching-refs/heads/(.+)": matching,
    r"GET /contents/(.+)": contents,
    r"GET /git/commits/(\w+)": commit,
    r"GET /git/trees/(\w+)": tree,
    r"POST /git/trees": make_tree,
    r"POST /git/commits": make_commit,
    r"POST /git/refs": make_ref,
    r"PATCH /git/refs/heads/(.+)": update_ref,
    r"DELETE /git/refs/heads/(.+)": delete_ref,
    r"POST /pulls": open_pull,
}
