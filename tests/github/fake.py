"""A GitHub of the tests' own: it keeps what it is sent, pages, and denies what a token may not do.

The routes, fields and codes are those of docs.github.com/rest that the loop uses, no others: a call
that this server does not know is answered with 404 and noted in `unknown`.
"""

from __future__ import annotations

import base64
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = "windy/farm"
TOKEN = "ghs_0123456789"
READ_ONLY = "read-only"
MEMBERS_TOKEN = "github_pat_members"
LOGIN = "github-actions[bot]"
AUTHOR = "ada"
PUSHED, AFTER = "2026-11-23T12:00:00Z", "2026-11-23T12:05:00Z"


@dataclass
class GitHub:
    """The state of one repository, and the requests that it got.

    Attributes:
        blobs: texts of files, by "FILE?COMMIT".
        archives: what runs keep, by the number of the run, which is that of the artifact `plan`.
        denied: routes (regular expressions on "METHOD path") that the token has no grant for.
        lost: commits that were never pushed.
        now: the time of its clock.
    """

    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    reviews: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    events: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    activity: list[dict[str, Any]] = field(default_factory=list)
    teams: dict[str, set[str]] = field(default_factory=dict)
    commits: dict[str, list[int]] = field(default_factory=dict)
    newer: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    files: dict[int, list[dict[str, str]]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    archives: dict[int, bytes] = field(default_factory=dict)
    blobs: dict[str, str] = field(default_factory=dict)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    page: int = 100
    base: str = ""

    @property
    def writes(self) -> list[str]:
        """The requests that change something."""
        return [request for request in self.requests if not request.startswith("GET ")]

    def number(self) -> int:
        """The next number, shared by issues and pull requests."""
        return 1 + max((entry["number"] for entry in [*self.issues, *self.pulls]), default=0)

    def add_comment(self, issue: int, body: str, login: str = LOGIN) -> dict[str, Any]:
        """Write a comment as somebody."""
        made = {
            "id": 1000 + len(self.comments),
            "issue": issue,
            "body": body,
            "user": {"login": login},
            "html_url": f"https://github.test/c/{1000 + len(self.comments)}",
        }
        self.comments.append(made)
        return made

    def add_issue(self, body: dict[str, Any], login: str = LOGIN) -> dict[str, Any]:
        """Open an issue as somebody."""
        number = self.number()
        made = {
            "number": number,
            "state": "open",
            **body,
            "labels": [{"name": name} for name in body.get("labels", ())],
            "user": {"login": login},
            "html_url": f"https://github.test/i/{number}",
        }
        self.issues.append(made)
        return made

    def add_pull(self, body: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Open a pull request."""
        number = self.number()
        made = {
            "number": number,
            "state": "open",
            "labels": [],
            "merged_at": None,
            "merged_by": None,
            **body,
            "base": {"ref": body.get("base", "main")},
            "html_url": f"https://github.test/p/{number}",
            **more,
        }
        self.pulls.append(made)
        return made

    def add_label(
        self, number: int, name: str, by: str = "rita", at: str = AFTER, kind: str = "User"
    ) -> None:
        """Set a label of a pull request as somebody."""
        (pull,) = (pull for pull in self.pulls if pull["number"] == number)
        pull["labels"].append({"name": name})
        self.add_event(number, "labeled", by, at, label={"name": name}, kind=kind)

    def add_event(
        self, number: int, event: str, by: str, at: str, *, kind: str = "User", **more: Any
    ) -> None:
        """Note what somebody did with a pull request."""
        actor = {"login": by, "type": kind}
        made = {"event": event, "actor": actor, "created_at": at, **more}
        self.events.setdefault(number, []).append(made)

    def add_push(self, number: int, by: str = AUTHOR, at: str = PUSHED, head: str = "") -> None:
        """Push the head of a pull request, or another commit."""
        found = self.pull(number)["head"]
        self.activity.append(
            {
                "after": head or found["sha"],
                "ref": f"refs/heads/{found['ref']}",
                "timestamp": at,
                "activity_type": "push",
                "actor": {"login": by, "type": "User"},
            }
        )

    def add_run(self, number: int, archive: bytes, **more: Any) -> dict[str, Any]:
        """End a run of the workflow Plan on the head of a pull request."""
        head = self.pull(number)["head"]
        made = {
            "id": 100 + len(self.runs),
            "path": ".github/workflows/plan.yml",
            "event": "pull_request",
            "status": "completed",
            "conclusion": "success",
            "head_sha": head["sha"],
            "head_branch": head["ref"],
            "head_repository": {"full_name": REPOSITORY},
            **more,
        }
        self.runs.insert(0, made)
        self.archives[made["id"]] = archive
        return made

    def pull(self, number: int) -> dict[str, Any]:
        """A pull request as the API tells it."""
        (found,) = (pull for pull in self.pulls if pull["number"] == number)
        head = {
            "sha": f"head{number}",
            "ref": found.get("head", "topic"),
            "repo": {"full_name": found.get("repository", REPOSITORY)},
        }
        return {"user": {"login": AUTHOR, "type": "User"}, **found, "head": head}


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
    head, state = call.query["head"][0].partition(":")[2], call.query["state"][0]
    found = [call.hub.pull(p["number"]) for p in call.hub.pulls]
    return [p for p in found if state in ("all", p["state"]) and p["head"]["ref"] == head]


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


def _contents(call: Call) -> Any:
    at = f"{call.key}?{call.query['ref'][0]}"
    return {"type": "file", "path": call.key, "sha": at.encode().hex()}


def _blob(call: Call) -> Any:
    at = bytes.fromhex(call.key).decode()
    content = base64.encodebytes(call.hub.blobs[at].encode()).decode()
    return {"sha": call.key, "encoding": "base64", "content": content}


_ROUTES: dict[str, Callable[[Call], Any]] = {
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
    r"GET /contents/([\w./-]+)": _contents,
    r"GET /git/blobs/(\w+)": _blob,
    r"GET /pulls/(\d+)/reviews": lambda c: c.hub.reviews.get(c.number, []),
    r"GET /pulls/(\d+)/files": lambda c: c.hub.files.get(c.number, []),
    r"GET /issues/(\d+)/events": lambda c: c.hub.events.get(c.number, []),
    r"GET /activity": lambda c: [x for x in c.hub.activity if x["ref"] == c.query["ref"][0]],
    r"GET /pulls/(\d+)": lambda c: c.hub.pull(c.number),
    r"GET /pulls": _pulls,
    r"POST /pulls": lambda c: c.hub.add_pull(c.body),
    r"PATCH /pulls/(\d+)": lambda c: _patch(c.hub.pulls, "number", c.number, c.body),
    r"GET /deployments": lambda c: c.hub.deployments[::-1],
    r"POST /deployments": _deploy,
    r"GET /deployments/(\d+)/statuses": _statuses,
    r"POST /deployments/(\d+)/statuses": _status,
}


class _Server(ThreadingHTTPServer):
    hub: GitHub


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def _handle(self) -> None:
        hub, address = self.server.hub, urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        prefix = f"/repos/{REPOSITORY}"
        path = address.path.removeprefix(prefix)
        hub.requests.append(f"{self.command} {path}")
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in {TOKEN, READ_ONLY, MEMBERS_TOKEN}:
            self._answer(401, {"message": "Bad credentials"})
            return
        if address.path.startswith("/orgs/"):
            self._membership(address.path, token)
            return
        if token == READ_ONLY and self.command != "GET":
            self._answer(403, {"message": "Resource not accessible by integration"})
            return
        if any(re.fullmatch(denied, f"{self.command} {path}") for denied in hub.denied):
            self._answer(403, {"message": "Resource not accessible by integration"})
            return
        for pattern, do in _ROUTES.items():
            match = re.fullmatch(pattern, f"{self.command} {path}")
            if match and address.path.startswith(prefix):
                if body and len(body.get("body") or "") > 65_536:
                    self._answer(422, {"message": "Validation Failed: body is too long"})
                    return
                if body and body.get("ref") in hub.lost:
                    self._answer(422, {"message": f"No ref found for: {body['ref']}"})
                    return
                key, query = "".join(match.groups()), parse_qs(address.query)
                self._found(do(Call(hub=hub, key=key, query=query, body=body)), query)
                return
        hub.unknown.append(f"{self.command} {self.path}")
        self._answer(404, {"message": "Not Found"})

    do_POST = do_PATCH = _handle  # noqa: N815 - the names that the base class calls

    def do_GET(self) -> None:
        """What is stored is on another host, which gets no token."""
        if not self.path.startswith("/stored/"):
            self._handle()
            return
        assert "Authorization" not in self.headers
        kept = self.server.hub.archives[int(self.path.removeprefix("/stored/"))]
        self._send(200, kept, {"Content-Type": "application/zip"})

    def _membership(self, path: str, token: str) -> None:
        """Whether somebody is in a team; the token of a job sees no organization."""
        team, _, who = (
            path.removeprefix("/orgs/").replace("/teams/", "/").partition("/memberships/")
        )
        if token == MEMBERS_TOKEN and who in self.server.hub.teams.get(team, ()):
            self._answer(200, {"state": "active", "role": "member"})
        elif token == MEMBERS_TOKEN and f"{who}?" in self.server.hub.teams.get(team, ()):
            self._answer(200, {"state": "pending", "role": "member"})
        else:
            self._answer(404, {"message": "Not Found"})

    def _found(self, result: Any, query: dict[str, list[str]]) -> None:
        if isinstance(result, Stored):  # the same server under another name
            elsewhere = self.server.hub.base.replace("127.0.0.1", "localhost")
            self._send(302, b"", {"Location": f"{elsewhere}/stored/{result.number}"})
            return
        if not isinstance(result, list):
            self._answer(201 if self.command == "POST" else 200, result)
            return
        page, size = int(query.get("page", ["1"])[0]), self.server.hub.page
        links = {}
        if len(result) > page * size:
            plain = re.sub(r"&?page=\d+$", "", self.path)
            links = {"Link": f'<{self.server.hub.base}{plain}&page={page + 1}>; rel="next"'}
        self._answer(200, result[(page - 1) * size : page * size], links)

    def _answer(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        kind = {"Content-Type": "application/json"}
        self._send(status, json.dumps(document).encode(), {**kind, **(headers or {})})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def running() -> Iterator[GitHub]:
    """An empty repository behind a server on a free port, `hub.base`, until the block ends."""
    hub = GitHub()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.hub = hub
        hub.base = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
