"""What the tests' own GitHub does at each of its routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.github import git

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.github.fake import GitHub


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request: the number or sha in its path, its query, its body."""

    hub: GitHub
    key: str
    query: dict[str, list[str]]
    body: Any

    @property
    def number(self) -> int:
        """The number in the path."""
        return int(self.key)


@dataclass(frozen=True)
class Stored:
    """An answer that is on another host."""

    number: int


def _patch(entries: list[dict[str, Any]], key: str, value: int, body: Any) -> dict[str, Any]:
    (found,) = (entry for entry in entries if entry[key] == value)
    found.update(body)
    return found


def _issues(call: Call) -> Any:
    label, state = call.query.get("labels", [""])[0], call.query.get("state", ["open"])[0]
    return [
        issue
        for issue in call.hub.issues
        if issue["state"] == state and label in {entry["name"] for entry in issue["labels"]}
    ]


def _pulls(call: Call) -> Any:
    state, head = call.query["state"][0], call.query.get("head", [""])[0].partition(":")[2]
    found = [call.hub.pull(p["number"]) for p in call.hub.pulls]
    return [p for p in found if state in ("all", p["state"]) and head in ("", p["head"]["ref"])]


def _runs(call: Call) -> Any:
    sha, event = call.query["head_sha"][0], call.query["event"][0]
    found = [r for r in call.hub.runs if r["head_sha"] == sha and r["event"] == event]
    return {"total_count": len(found), "workflow_runs": found}


def _artifacts(call: Call) -> Any:
    names = ("image", "plan") if call.number in call.hub.archives else ("image",)
    found = [{"id": call.number, "name": name, "expired": name == "image"} for name in names]
    return {"total_count": len(found), "artifacts": found}


def _pulls_of(call: Call) -> Any:
    return [p for p in call.hub.pulls if p["number"] in call.hub.commits.get(call.key, ())]


def _deploy(call: Call) -> Any:
    made = {"id": 1 + len(call.hub.deployments), "created_at": call.hub.now.isoformat()}
    call.hub.deployments.append({**made, **call.body})
    return call.hub.deployments[-1]


def _statuses(call: Call) -> Any:
    return [status for status in call.hub.statuses if status["deployment"] == call.number]


def _status(call: Call) -> Any:
    call.hub.statuses.append({"deployment": call.number, **call.body})
    return call.hub.statuses[-1]


def _commit_status(call: Call) -> Any:
    call.hub.commit_statuses.append({"sha": call.key, **call.body})
    return call.hub.commit_statuses[-1]


ROUTES: dict[str, Callable[[Call], Any]] = {
    r"GET /issues/(\d+)/comments": lambda c: [x for x in c.hub.comments if x["issue"] == c.number],
    r"POST /issues/(\d+)/comments": lambda c: c.hub.add_comment(c.number, c.body["body"]),
    r"PATCH /issues/comments/(\d+)": lambda c: _patch(c.hub.comments, "id", c.number, c.body),
    r"GET /issues": _issues,
    r"POST /issues": lambda c: c.hub.add_issue(c.body),
    r"PATCH /issues/(\d+)": lambda c: _patch(c.hub.issues, "number", c.number, c.body),
    r"GET /commits/(\w+)/pulls": _pulls_of,
    r"GET /actions/workflows/plan\.yml/runs": _runs,
    r"GET /actions/artifacts/(\d+)/zip": lambda c: Stored(c.number),
    r"GET /actions/runs/(\d+)/artifacts": _artifacts,
    r"GET /compare/(\w+)\.\.\.\w+": lambda c: {"files": c.hub.newer.get(c.key, [])},
    r"GET /pulls/(\d+)/reviews": lambda c: c.hub.reviews.get(c.number, []),
    r"GET /pulls/(\d+)/files": lambda c: c.hub.files.get(c.number, []),
    r"GET /issues/(\d+)/events": lambda c: c.hub.events.get(c.number, []),
    r"GET /activity": lambda c: [x for x in c.hub.activity if x["ref"] == c.query["ref"][0]],
    r"GET /pulls/(\d+)": lambda c: c.hub.pull(c.number),
    r"GET /pulls": _pulls,
    r"PATCH /pulls/(\d+)": lambda c: _patch(c.hub.pulls, "number", c.number, c.body),
    r"GET /deployments": lambda c: c.hub.deployments[::-1],
    r"POST /deployments": _deploy,
    r"GET /deployments/(\d+)/statuses": _statuses,
    r"POST /deployments/(\d+)/statuses": _status,
    r"POST /statuses/(\w+)": _commit_status,
    **git.ROUTES,
}
