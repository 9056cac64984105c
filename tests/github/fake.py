"""A GitHub of the tests' own: it keeps what it is sent, pages, and denies what a token may not do.

The routes, fields and codes are those of docs.github.com/rest that the loop uses, no others: a call
that this server does not know is answered with 404 and noted in `unknown`.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.github import git
from tests.github.git import Git, Refused
from tests.github.routes import ROUTES, Call, Stored

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY, NUMBER = "windy/farm", 1296269
TOKEN = "ghs_0123456789"
READ_ONLY = "read-only"
MEMBERS_TOKEN = "github_pat_members"
LOGIN = "github-actions[bot]"
AUTHOR = "ada"
PUSHED, AFTER = "2026-11-23T12:00:00Z", "2026-11-23T12:05:00Z"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer that is no success, as docs.github.com/rest documents it."""

    status: int
    message: str
    headers: dict[str, str] = field(default_factory=dict)
    errors: list[dict[str, str]] = field(default_factory=list)


@dataclass
class GitHub:
    """The state of one repository, and the requests that it got.

    Attributes:
        blobs: texts of files, by "FILE?COMMIT".
        archives: what runs keep, by the number of the run, which is that of the artifact `plan`.
        dispatched: the events that it was sent, each with its `repository`.
        denied: routes (regular expressions on "METHOD path") that the token has no grant for.
        lost: commits that were never pushed.
        replies: answers to the next requests of a route (a regular expression as of `denied`).
        documents: what is read at paths of the repository, such as "/labels".
        headers: of answers about the repository itself.
        renamed: the status of redirects from REPOSITORY to its id; None where it has its name.
        git: what was pushed.
        about: what the repository says of itself, where it is not the usual.
        no_auto_merge: why GitHub merges no pull request by itself; empty if it does.
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
    commit_statuses: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    dispatched: list[dict[str, Any]] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    renamed: int | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    git: Git = field(default_factory=Git)
    about: dict[str, Any] = field(default_factory=dict)
    no_auto_merge: str = ""
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
        more = {"node_id": f"PR_{number}", "auto_merge": None}
        return {"user": {"login": AUTHOR, "type": "User"}, **more, **found, "head": head}


class _Server(ThreadingHTTPServer):
    hub: GitHub


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def _handle(self) -> None:
        hub, address = self.server.hub, urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        prefix = f"/repos/{REPOSITORY}"
        path = address.path.removeprefix(prefix).removeprefix(f"/repositories/{NUMBER}")
        hub.requests.append(f"{self.command} {path}")
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in {TOKEN, READ_ONLY, MEMBERS_TOKEN}:
            self._answer(401, {"message": "Bad credentials"})
            return
        if hub.renamed and address.path.startswith(prefix):
            there = self.path.replace(prefix, f"/repositories/{NUMBER}", 1)
            self._answer(hub.renamed, {"message": "Moved"}, {"Location": f"{hub.base}{there}"})
            return
        if self._answered(path, parse_qs(address.query)):
            return
        if address.path.startswith("/orgs/"):
            self._membership(address.path, token)
            return
        if address.path == "/graphql" and token == TOKEN:
            self._answer(200, git.graphql(Call(hub=hub, key="", query={}, body=body)))
            return
        reading = token == READ_ONLY and self.command != "GET"
        if reading or any(re.fullmatch(one, f"{self.command} {path}") for one in hub.denied):
            self._answer(403, {"message": "Resource not accessible by integration"})
            return
        if match := re.fullmatch(r"/repos/([^/]+/[^/]+)/dispatches", address.path):
            hub.dispatched.append({"repository": match[1], **(body or {})})
            self._send(204, b"", {})
            return
        self._route(path, body)

    def _route(self, path: str, body: Any) -> None:
        hub, address = self.server.hub, urlsplit(self.path)
        for pattern, do in ROUTES.items():
            match = re.fullmatch(pattern, f"{self.command} {path}")
            if match and address.path.startswith(
                (f"/repos/{REPOSITORY}", f"/repositories/{NUMBER}")
            ):
                if body and len(body.get("body") or "") > 65_536:
                    self._answer(422, {"message": "Validation Failed: body is too long"})
                    return
                if body and body.get("ref") in hub.lost:
                    self._answer(422, {"message": f"No ref found for: {body['ref']}"})
                    return
                key, query = unquote("".join(match.groups())), parse_qs(address.query)
                self._found(do(Call(hub=hub, key=key, query=query, body=body)), query)
                return
        hub.unknown.append(f"{self.command} {self.path}")
        self._answer(404, {"message": "Not Found"})

    do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - the names that the base class calls

    def do_GET(self) -> None:
        """What is stored is on another host, which gets no token."""
        if not self.path.startswith("/stored/"):
            self._handle()
            return
        assert "Authorization" not in self.headers
        kept = self.server.hub.archives[int(self.path.removeprefix("/stored/"))]
        self._send(200, kept, {"Content-Type": "application/zip"})

    def _answered(self, path: str, query: dict[str, list[str]]) -> bool:
        """Answer with the next reply to a route, or with a document, where there is one."""
        hub, asked = self.server.hub, f"{self.command} {path}"
        for route, replies in hub.replies.items():
            if replies and re.fullmatch(route, asked):
                reply = replies.pop(0)
                errors = {"errors": reply.errors} if reply.errors else {}
                self._answer(reply.status, {"message": reply.message, **errors}, reply.headers)
                return True
        if self.command == "GET" and path in hub.documents:
            self._found(hub.documents[path], query)
            return True
        return False

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
        if isinstance(result, Refused):
            self._answer(result.status, {"message": result.message})
            return
        if isinstance(result, bytes):
            self._send(200 if result else 204, result, {"Content-Type": "text/plain"})
            return
        if not isinstance(result, list):
            self._answer(201 if self.command == "POST" else 200, result, self.server.hub.headers)
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
def running(host: str = "127.0.0.1") -> Iterator[GitHub]:
    """An empty repository behind a server on a free port, `hub.base`, until the block ends."""
    hub = GitHub()
    with _Server((host, 0), _Handler) as server:
        server.hub = hub
        hub.base = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
