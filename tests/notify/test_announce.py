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
    """Versions, digest, commit and key go to all recipients; a second run tells nobody."""
    team.versions(2)
    write(team, production=f'{{version: 1, digest: "{digest(team)}"}}')
    assert "everybody was told" in team.ok("announce").out
    team.ok("apply", "--commit", "c0ffee")
    ran = team.ok("announce")
    assert "wind Production empty → 1: told windy/batch" in ran.out
    production, staging = (document["data"] for document in listener.documents)
    assert production == {
        "model": "wind",
        "stage": "Production",
        "alias": "production",
        "old": None,
        "new": 1,
        "digest": digest(team),
        "image": None,
        "commit": "c0ffee",
        "registry": production["registry"],
        "key": production["key"],
    }
    assert (staging["stage"], staging["new"], staging["digest"]) == ("Staging", 2, None)
    assert production["key"] != staging["key"]
    events = [
        (one["repository"], one["event_type"], one["client_payload"]) for one in hub.dispatched
    ]
    assert events == [("windy/batch", "mlgitops-stage", one) for one in (production, staging)]
    team.ok("announce")
    assert (len(listener.got), len(hub.dispatched)) == (2, 2)
    write(team, production=2)
    team.ok("apply")
    team.ok("announce")
    last = listener.documents[2]["data"]
    assert [len(listener.got), last["old"], last["new"]] == [3, 1, 2]
    assert last["key"] not in (production["key"], staging["key"])


def digest(team: Team) -> str:
    """The digest of the first version."""
    from mlgitops.registry.digest import of_folder

    return of_folder(team.payload(1))


def test_webhooks_are_signed(
    team: Team, listener: Listener, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As standardwebhooks.com says; a secret of its own form stands for its bytes."""
    team.versions(2)
    write(team)
    team.ok("apply")
    team.ok("announce")
    key = b"bytes that are no text: \xff"
    monkeypatch.setenv(
        "MLGITOPS_ANNOUNCE_DEFAULT_SECRET", f"whsec_{base64.b64encode(key).decode()}"
    )
    write(team, production=2)
    team.ok("apply")
    team.ok("announce")
    assert len(hub.dispatched) == 3
    for (headers, body), used in zip(
        listener.got, (SECRET.encode(), SECRET.encode(), key), strict=True
    ):
        identity, sent = headers["webhook-id"], headers["webhook-timestamp"]
        mac = hmac.new(used, f"{identity}.{sent}.".encode() + body, hashlib.sha256).digest()
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
        assert identity == json.loads(body)["data"]["key"]
    monkeypatch.setenv("MLGITOPS_ANNOUNCE_DEFAULT_SECRET", "whsec_é")
    write(team, production=1)
    team.ok("apply")
    assert "is no base64 after whsec_" in team.run("announce").err


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
    """Neither a drifted stage nor one of others; once drift is healed, that is a change."""
    team.versions(2)
    write(team)
    team.ok("apply")
    team.ok("announce")
    team.client.set_registered_model_alias("wind", "production", "2")
    team.client.set_registered_model_alias("wind", "blue", "2")
    team.ok("announce")
    assert len(listener.got) == 2
    team.ok("apply")
    team.ok("announce")
    first, again = listener.documents[0]["data"], listener.documents[2]["data"]
    assert {name for name in first if first[name] != again[name]} <= {"key", "commit"}
    assert first["key"] != again["key"]
    write(team, staging="null")
    team.ok("apply")
    team.ok("announce")
    assert listener.documents[3]["data"]["new"] is None
    assert len(hub.dispatched) == 4
    other = FILE.format(production=1, staging="null").replace("wind/models", "other/models")
    team.write(other)
    assert "everybody was told" in team.ok("announce").out


def test_somebody_new_is_told_what_is(team: Team, listener: Listener, hub: fake.GitHub) -> None:
    """Who is added hears of the last change of each stage; who has left is forgotten."""
    team.versions(2)
    write(team)
    team.ok("apply")
    team.ok("announce")
    team.file.write_text(team.file.read_text().replace("[windy/batch]", "[windy/batch, windy/new]"))
    team.ok("announce")
    assert [one["repository"] for one in hub.dispatched[2:]] == ["windy/new"] * 2
    assert len(listener.got) == 2
    write(team, production=2)
    team.ok("apply")
    team.ok("announce")
    tags = team.client.get_registered_model("wind").tags
    assert {r: [*told] for r, told in json.loads(tags["mlgitops.announced"]).items()} == {
        "DEFAULT": ["production", "staging"],
        "windy/batch": ["production", "staging"],
        "windy/new": ["staging"],
    }


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
