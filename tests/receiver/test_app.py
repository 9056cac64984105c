"""Deliveries: which are taken, and what becomes of the others."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from mlgitops.receiver.app import LIMIT, App
from mlgitops.receiver.events import Event, Kind
from mlgitops.receiver.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET, NOW = "a secret of MLflow's", 1_790_000_000
NEW = {
    "entity": "model_version",
    "action": "created",
    "timestamp": "2026-11-26T12:00:00+00:00",
    "data": {"name": "wind", "version": "3", "source": "s3://…", "run_id": None, "tags": {}},
}


@dataclass
class Kept(Worker):
    """A worker that keeps what it is offered, as far as there is room."""

    room: int = 100
    events: list[Event] = field(default_factory=list)

    def offer(self, event: Event) -> bool:
        """Keep it."""
        if len(self.events) >= self.room:
            return False
        self.events.append(event)
        return True

    @property
    def waiting(self) -> int:
        """How many it keeps."""
        return len(self.events)


class Receiver:
    """A receiver, and MLflow in front of it."""

    def __init__(self) -> None:
        self.worker, self.time = Kept(), float(NOW)
        app = App(
            secret=SECRET,
            worker=self.worker,
            candidates=["candidate"],
            ignored=["best"],
            now=lambda: self.time,
        )
        self._app = validator(app)

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> int:
        """One request; returns the status."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            **{f"HTTP_X_MLFLOW_{name.upper()}": value for name, value in headers.items()},
        }
        setup_testing_defaults(environ)
        answered: list[str] = []

        def start(status: str, *_: object) -> Callable[[bytes], object]:
            answered.append(status)
            return print

        found = self._app(environ, start)
        self.said = json.loads(b"".join(found))
        found.close()  # type: ignore[attr-defined] # the validator's
        return int(answered[0][:3])

    def deliver(
        self, document: object, *, secret: str = SECRET, sent: float = NOW, **changed: str
    ) -> int:
        """Send as MLflow does, but for some headers."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers = {"delivery_id": "d1", "timestamp": str(int(sent))} | changed
        signed = f"{headers['delivery_id']}.{headers['timestamp']}.".encode() + body
        mac = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(mac).decode()}"
        return self.request("POST", "/mlflow", body, **{"signature": signature, **headers})


@pytest.fixture
def receiver() -> Receiver:
    """A receiver that nothing was sent to."""
    return Receiver()


def alias(name: str, action: str = "created", version: str | None = "2") -> dict[str, Any]:
    """MLflow's event for an alias."""
    data = {"name": "wind", "alias": name} | ({"version": version} if version else {})
    return {"entity": "model_version_alias", "action": action, "data": data}


def test_signed_events_are_taken(receiver: Receiver) -> None:
    """A new version and a moved or deleted alias wait; a candidate's alias is a new version."""
    said = [NEW, alias("Production"), alias("staging", "deleted", None), alias("Candidate")]
    assert [receiver.deliver(one, delivery_id=f"d{n}") for n, one in enumerate(said)] == [202] * 4
    assert receiver.worker.events == [
        Event(kind=Kind.VERSION, model="wind", version=3),
        Event(kind=Kind.DRIFT, model="wind", alias="production"),
        Event(kind=Kind.DRIFT, model="wind", alias="staging"),
        Event(kind=Kind.VERSION, model="wind", version=2),
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": "another secret"},
        {"signature": ""},
        {"signature": "v1,é"},
        {"signature": "v1a,AAAA"},
        {"sent": NOW - 301},
        {"sent": NOW + 301},
        {"timestamp": "1_790_000_000"},
        {"timestamp": ""},
        {"delivery_id": ""},
        {"delivery_id": "d" * 201},
    ],
)
def test_what_is_not_proved_is_refused(receiver: Receiver, changed: dict[str, Any]) -> None:
    """Without the right signature, an id and a time of now, nothing is taken."""
    assert receiver.deliver(NEW, **changed) == 401
    assert receiver.worker.events == []


def test_what_is_signed_is_the_whole_delivery(receiver: Receiver) -> None:
    """A signature holds for one body, one id and one time."""
    assert receiver.deliver(NEW) == 202
    body, signature = json.dumps(NEW).encode(), _signature()
    own = {"delivery_id": "d1", "timestamp": str(NOW), "signature": signature}
    assert receiver.request("POST", "/mlflow", body, **own) == 200
    for other in ({"delivery_id": "d2"}, {"timestamp": str(NOW + 1)}):
        assert receiver.request("POST", "/mlflow", body, **{**own, **other}) == 401
    assert receiver.request("POST", "/mlflow", body + b" ", **own) == 401


def _signature() -> str:
    signed = f"d1.{NOW}.".encode() + json.dumps(NEW).encode()
    mac = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}"


def test_signatures_may_be_several(receiver: Receiver) -> None:
    """As standardwebhooks.com says of a secret that is replaced."""
    assert receiver.deliver(NEW, signature=f"v1,AAAA {_signature()}") == 202


def test_a_repetition_is_taken_once(receiver: Receiver) -> None:
    """For as long as its time is accepted, an id is known; it is then forgotten."""
    assert [receiver.deliver(NEW), receiver.deliver(NEW)] == [202, 200]
    assert receiver.said == {"status": "received before"}
    receiver.time += 300
    assert receiver.deliver(NEW) == 200
    receiver.time += 301
    assert receiver.deliver(NEW, sent=receiver.time) == 202
    assert len(receiver.worker.events) == 2


def test_what_had_no_room_may_come_again(receiver: Receiver) -> None:
    """MLflow repeats what is answered with 503, under the same id."""
    receiver.worker.room = 0
    assert receiver.deliver(NEW) == 503
    receiver.worker.room = 1
    assert receiver.deliver(NEW) == 202


def test_other_events_start_nothing(receiver: Receiver) -> None:
    """Whatever else the webhook subscribes to, and aliases that are no stages, are ignored."""
    tag = {"entity": "model_version_tag", "action": "set", "data": {"anything": [1]}}
    for event in (tag, alias("best"), alias("candidate", "deleted", None)):
        assert (receiver.deliver(event), receiver.said) == (200, {"status": "ignored"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b'{"entity": "model_version"}',
        {**NEW, "data": {}},
        {**NEW, "data": {"name": "wind"}},
        {**NEW, "data": {"name": "wind", "version": "three"}},
        alias(""),
    ],
    ids="nothing latin deep list half nameless unnumbered word noalias".split(),  # noqa: SIM905
)
def test_what_mlflow_does_not_send_is_refused(receiver: Receiver, body: object) -> None:
    """A body of another form is an error of its sender, and named."""
    assert receiver.deliver(body) == 400
    assert receiver.said["error"]


def test_paths_and_methods_are_few(receiver: Receiver) -> None:
    """Only POST /mlflow and GET /health are anything; a large body is not read."""
    assert receiver.request("GET", "/health") == 200
    assert receiver.said == {"status": "ok", "waiting": 0}
    assert receiver.request("GET", "/mlflow") == 405
    assert receiver.request("POST", "/health") == 405
    assert receiver.request("GET", "/") == 404
    assert receiver.deliver(b"x" * (LIMIT + 1)) == 413
