"""Messages to a chat, on a real HTTP server."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.team import Team


class Chat(ThreadingHTTPServer):
    """A chat that keeps what it is told, or is out of order."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Incoming)
        self.texts: list[str] = []
        self.status = 200


class Incoming(BaseHTTPRequestHandler):
    """An incoming webhook."""

    server: Chat

    def do_POST(self) -> None:
        """Keep a message."""
        length = int(self.headers["Content-Length"])
        self.server.texts.append(json.loads(self.rfile.read(length))["text"])
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    """A chat whose webhook is set."""
    with Chat() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/services/T0/s3cret"
        monkeypatch.setenv("MLGITOPS_WEBHOOK_URL", url)
        yield server
        server.shutdown()
        thread.join()


def test_an_apply_is_told(team: Team, chat: Chat) -> None:
    """What was applied is told with who, commit and pull request; nothing to do is not told."""
    team.versions(1)
    team.stages(Production=1)
    team.ok("apply", "--actor", "<!everyone>", "--commit", "c0ffee", "--pull-request", "12")
    team.ok("apply")
    assert chat.texts == [
        "mlgitops apply by &lt;!everyone&gt;, commit c0ffee, pull request 12\n"
        "wind Production empty → 1: applied"
    ]


def test_a_refusal_is_told(team: Team, chat: Chat) -> None:
    """A refused apply tells the reason; one that is allowed, what allowed it."""
    team.versions(1)
    team.stages(Production=1)
    team.ok("apply")
    team.stages(Production=None)
    assert team.run("apply").code == 3
    assert "Refused: empties-production: wind Production" in chat.texts[1]
    team.ok("apply", "--actor", "ada", "--allow", "empties-production")
    assert "applied (allowed: empties-production: --allow by ada)" in chat.texts[2]


def test_a_plan_tells_nothing(team: Team, chat: Chat) -> None:
    """Only an apply is news."""
    team.versions(1)
    team.stages(Production=1)
    team.ok("plan")
    assert chat.texts == []


def test_a_chat_that_fails_stops_nothing(
    team: Team, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An apply succeeds without its message; the warning does not show the address."""
    team.versions(2)
    team.stages(Production=1)
    chat.status = 500
    ran = team.ok("apply")
    assert (
        "warning: could not send a message to the webhook in MLGITOPS_WEBHOOK_URL: it answered 500"
        in ran.err
    )
    monkeypatch.setenv("MLGITOPS_WEBHOOK_URL", "http://127.0.0.1:9/s3cret")
    team.stages(Production=2)
    ran = team.ok("apply")
    assert "the webhook in MLGITOPS_WEBHOOK_URL: Connection refused" in ran.err
    monkeypatch.setenv("MLGITOPS_WEBHOOK_URL", "s3cret")
    team.stages(Production=1)
    assert "not a valid URL" in (ran := team.ok("apply")).err
    assert "s3cret" not in ran.err + ran.out
