"""Announcements: each recipient is told of the last change of each stage, at least once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.core.announced import parse
from tests.github import fake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.team import Team

SECRET = "a secret of ours"
FILE = """
version: 2
owner: wind/models
models:
  wind:
    announce: {{repositories: [windy/batch], webhooks: [DEFAULT]}}
    stages: {{Production: {production}, Staging: {staging}}}
  solar:
    stages: {{}}
"""


class Listener(ThreadingHTTPServer):
    """A webhook's receiver that keeps what it is sent, and answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Incoming)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The bodies."""
        return [json.loads(body) for _, body in self.got]


class Incoming(BaseHTTPRequestHandler):
    """A request."""

    server: Listener

    def do_POST(self) -> None:
        """Keep it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """The receiver of the webhook DEFAULT."""
    with Listener() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/hooks/s3cret"
        monkeypatch.setenv("MLGITOPS_ANNOUNCE_DEFAULT_URL", url)
        monkeypatch.setenv("MLGITOPS_ANNOUNCE_DEFAULT_SECRET", SECRET)
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake.GitHub]:
    """A GitHub whose repositories can be told."""
    with fake.running() as made:
        monkeypatch.setenv("GITHUB_API_URL", made.base)
        monkeypatch.setenv("MLGITOPS_ANNOUNCE_TOKEN", fake.TOKEN)
        yield made


def write(team: Team, *, production: object = 1, staging: object = 2) -> None:
    """Write a models.yaml that names whom to tell."""
    team.write(FILE.format(production=production, staging=staging))


def test_each_change_is_told_once(team: Team, listener: Listener, hub: fake.GitHub) -> None:
    """All hear of it, signed; who is added, of what is; who has left is forgotten."""
    team.versions(2)
    write(team)
    team.ok("apply", "--commit", "c0ffee")
    digest = f"sha256:{'0' * 64}"
    write(team, production=f'{{version: 1, digest: "{digest}"}}')
    ran = team.ok("announce")
    assert "wind Production empty → 1: told windy/batch" in ran.out
    production, staging = (document["data"] for document in listener.documents)
    assert production == {
        "model": "wind",
        "stage": "Production",
        "alias": "production",
        "old": None,
        "new": 1,
        "digest": digest,
        "image": None,
        "commit": "c0ffee",
        "registry": production["registry"],
        "key": production["key"],
    }
    assert (staging["stage"], staging["new"], staging["digest"]) == ("Staging", 2, None)
    assert production["key"] != staging["key"]
    told = [(one["repository"], one["event_type"], one["client_payload"]) for one in hub.dispatched]
    assert told == [("windy/batch", "mlgitops-stage", one) for one in (production, staging)]
    for headers, body in listener.got:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        mac = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
        assert headers["webhook-id"] == json.loads(body)["data"]["key"]
    team.file.write_text(team.file.read_text().replace("[windy/batch]", "[windy/batch, windy/new]"))
    team.ok("announce")
    assert [one["repository"] for one in hub.dispatched[2:]] == ["windy/new"] * 2
    assert len(listener.got) == 2
    write(team, production=2, staging="null")
    team.ok("apply")
    team.ok("announce")
    changed = [document["data"] for document in listener.documents[2:]]
    assert [(one["old"], one["new"]) for one in changed] == [(1, 2), (2, None)]
    tags = team.client.get_registered_model("wind").tags
    assert {r: [*told] for r, told in json.loads(tags["mlgitops.announced"]).items()} == {
        "DEFAULT": ["production", "staging"],
        "windy/batch": ["production", "staging"],
    }


def test_who_could_not_be_told_is_told_again(
    team: Team, listener: Listener, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One recipient that fails stops no other, and hears the same key; secrets are not shown."""
    team.versions(2)
    write(team)
    team.ok("apply")
    listener.status = 410
    monkeypatch.delenv("MLGITOPS_ANNOUNCE_TOKEN")
    ran = team.run("announce")
    assert ran.code == 1
    assert "wind Production empty → 1: could not tell DEFAULT: it answered 410" in ran.err
    assert "could not tell windy/batch: set MLGITOPS_ANNOUNCE_TOKEN" in ran.err
    assert "run `mlgitops announce` again" in ran.err
    assert "s3cret" not in ran.out + ran.err
    monkeypatch.setenv("MLGITOPS_ANNOUNCE_TOKEN", fake.TOKEN)
    monkeypatch.delenv("MLGITOPS_ANNOUNCE_DEFAULT_SECRET")
    assert "set MLGITOPS_ANNOUNCE_DEFAULT_URL and" in team.run("announce").err
    assert len(hub.dispatched) == 2
    listener.status = 204
    monkeypatch.setenv("MLGITOPS_ANNOUNCE_DEFAULT_SECRET", SECRET)
    team.ok("announce")
    keys = [document["data"]["key"] for document in listener.documents]
    assert keys[:2] == keys[2:]
    assert len(hub.dispatched) == 2


def test_what_is_not_applied_is_not_told(team: Team, listener: Listener, hub: fake.GitHub) -> None:
    """Neither drift, nor an alias that is no stage; drift that is healed is a change."""
    team.versions(2)
    write(team)
    team.ok("apply")
    team.client.set_registered_model_alias("wind", "production", "2")
    team.client.set_registered_model_alias("wind", "blue", "2")
    team.ok("announce")
    assert [document["data"]["stage"] for document in listener.documents] == ["Staging"]
    team.ok("apply")
    team.ok("announce")
    healed = listener.documents[1]["data"]
    assert (healed["stage"], healed["old"], healed["new"]) == ("Production", None, 1)
    assert len(hub.dispatched) == 2
    team.file.write_text(team.file.read_text().replace("wind/models", "other/models"))
    assert "everybody was told" in team.ok("announce").out  # of the stages of this owner


@pytest.mark.parametrize(
    "text", ["", "[" * 9999, "[1]", '{"DEFAULT": [], "x": {"production": 1}}', '{"x": "y"}']
)
def test_a_tag_of_others_is_no_harm(text: str) -> None:
    """What is not ours in the tag is left out."""
    assert not any(parse(text).values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{repositories: [batch]}", "OWNER/NAME of a repository on GitHub"),
        ("{webhooks: [a-b]}", "capital letters, digits and '_', such as BATCH"),
        ("{urls: []}", "unknown key 'urls'"),
    ],
)
def test_recipients_have_a_form(team: Team, text: str, said: str) -> None:
    """What is no recipient is an error with its place."""
    write(team)
    names = "{repositories: [windy/batch], webhooks: [DEFAULT]}"
    team.write(team.file.read_text().replace(names, text))
    ran = team.run("validate")
    assert (ran.code, said in ran.err, "models.yaml:6:" in ran.err) == (1, True, True), ran.err


def test_announcements_need_form_2(team: Team) -> None:
    """An engine of before would not know them."""
    write(team)
    team.write(team.file.read_text().replace("version: 2", "version: 1"))
    assert "'announce' needs form 2" in team.run("validate").err
