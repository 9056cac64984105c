"""The web application: MLflow's four endpoints, `/live` and `/metrics`."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlflow.version import VERSION

from .metrics import Metrics
from .predicting import Predictor
from .scoring import Reply, failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from .scoring import Scorer
    from .settings import Settings
    from .watch import Watch

    Message = MutableMapping[str, Any]  # ASGI's scopes and events
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

_INVOCATIONS, _METRICS = "/invocations", "/metrics"
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_HELD = 4  # requests of the largest size, in memory at the same time
_PLAIN = "".join(chr(code) for code in range(32, 127) if chr(code) != "%")
_ID = re.compile(rb"[\w.:/+=-]{1,128}")


class Serving:
    """What one process serves.

    Args:
        scorer: with a model that is loaded and warm.
    """

    def __init__(self, scorer: Scorer, settings: Settings, watch: Watch) -> None:
        self._settings = settings
        self._predictor = Predictor(scorer, settings, watch)
        self._metrics = Metrics(settings)
        self._log = Log(settings.name, settings.version)
        self._identity = tuple(
            # a header's value is ASCII; what is not comes as in an address
            (f"x-serving-{name}".encode(), quote(value, safe=_PLAIN).encode())
            for name, value in (settings.identity | {"compiled": scorer.compiled}).items()
        )
        self._held = 0  # bytes of bodies
        self._endpoints: dict[str, Callable[[Message, Receive], Awaitable[Reply]]] = {
            "/ping": self._ping,
            "/health": self._ping,
            "/live": self._live,
            "/version": self._version,
            _INVOCATIONS: self._invocations,
            _METRICS: self._text,
        }

    async def app(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request: an application of ASGI 3, for HTTP alone."""
        begun = time.perf_counter()
        path = scope["path"]
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            await _send(send, self._elsewhere(path))
            return
        methods = ("POST",) if path == _INVOCATIONS else ("GET", "HEAD")
        if scope["method"] not in methods:
            await _send(send, _refusal(405, (b"allow", ", ".join(methods).encode())))
            return
        reply = await endpoint(scope, receive)
        if path == _METRICS:
            await _send(send, reply)
            return
        seconds = time.perf_counter() - begun
        identity = _identity(scope)
        self._metrics.count(path, reply.status, seconds)
        if path == _INVOCATIONS:
            self._log.write(identity.decode(), reply.status, seconds)
        await _send(send, reply, (b"x-request-id", identity))

    def refused(self, status: int) -> None:
        """Count a request that did not reach the application."""
        self._metrics.count_refused(status)

    def _elsewhere(self, path: str) -> Reply:
        without = path.rstrip("/")
        if without in self._endpoints:
            return _refusal(307, (b"location", without.encode()))
        return _refusal(404)

    async def _ping(self, *_: Any) -> Reply:
        """Whether predictions are made: readiness."""
        return Reply(503 if self._predictor.is_stuck else 200, "\n")

    async def _live(self, *_: Any) -> Reply:
        """Whether anything is answered: liveness."""
        return Reply(200, "\n")

    async def _version(self, *_: Any) -> Reply:
        return Reply(200, VERSION, headers=self._identity)

    async def _text(self, *_: Any) -> Reply:
        return Reply(200, self._metrics.text().decode(), _TEXT)

    async def _invocations(self, scope: Message, receive: Receive) -> Reply:
        parts: list[bytes] = []
        try:
            reply = await self._read(receive, parts)
            if reply is None:
                parts[:] = [b"".join(parts)]
                kind = _header(scope, b"content-type")
                text = kind.decode("latin-1") if kind is not None else None
                reply = await self._predictor.answer(parts[0], text)
        finally:
            self._held -= sum(map(len, parts))
        if reply.fault:
            self._metrics.count_fault(reply.fault)
        return reply

    async def _read(self, receive: Receive, parts: list[bytes]) -> Reply | None:
        """Read the body into `parts`; why not, if it is too large, whatever its headers say."""
        size, most = 0, self._settings.max_bytes
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return failure(400, "BAD_REQUEST", "the request is incomplete")  # for the log
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            self._held += len(part)
            if size > most:
                return failure(413, "BAD_REQUEST", self._settings.too_large)
            if self._held > _HELD * most:
                return failure(503, "TEMPORARILY_UNAVAILABLE", "the requests need too much memory")
            if not message.get("more_body", False):
                return None


class Log:
    """A line of JSON for each request, on standard output."""

    def __init__(self, name: str, version: str) -> None:
        self._fixed = json.dumps({"model": name, "version": version})[1:-1]
        self._second, self._time = 0, ""

    def write(self, identity: str, status: int, seconds: float) -> None:
        """Write one, of a request whose identity holds nothing that JSON would escape."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._time = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        sys.stdout.write(
            f'{{"time": "{self._time}", "request": "{identity}", {self._fixed}, '
            f'"status": {status}, "milliseconds": {round(seconds * 1000, 3)}}}\n'
        )


def _header(scope: Message, name: bytes) -> bytes | None:
    """The first header of a name, in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


def _identity(scope: Message) -> bytes:
    """The caller's id of the request if it is harmless in a log, else a new one."""
    given = _header(scope, b"x-request-id")
    return given if given and _ID.fullmatch(given) else os.urandom(16).hex().encode()


def _refusal(status: int, *headers: tuple[bytes, bytes]) -> Reply:
    answer = failure(status, "BAD_REQUEST", HTTPStatus(status).phrase)
    return replace(answer, headers=headers)


async def _send(send: Send, reply: Reply, *headers: tuple[bytes, bytes]) -> None:
    body = reply.body.encode()
    own = (
        (b"content-length", b"%d" % len(body)),
        (b"content-type", reply.kind.encode()),
    )
    start = {
        "type": "http.response.start",
        "status": reply.status,
        "headers": [*own, *reply.headers, *headers],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})
