"""The HTTP side (WSGI, PEP 3333): takes deliveries, and answers before anything is started."""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any

from mlgitops.receiver import events
from mlgitops.receiver.events import TOLERANCE, Delivery
from mlgitops.words import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from mlgitops.receiver.worker import Worker

PATH, HEALTH = "/mlflow", "/health"
LIMIT = 2**20  # bytes of a body: a version's tags and description are in it
Environ = dict[str, Any]
Answer = tuple[HTTPStatus, "Mapping[str, object]"]


class App:
    """One endpoint for MLflow, and one for health checks."""

    def __init__(
        self,
        *,
        secret: str,
        worker: Worker,
        candidates: Collection[str] = (),
        ignored: Collection[str] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        """The app.

        Args:
            secret: what deliveries are signed with.
            worker: gets the events.
            candidates: aliases, in lower case, that propose the version that they are set to.
            ignored: aliases, in lower case, that start nothing.
            now: seconds since 1970.
        """
        self._secret, self._worker, self._now = secret, worker, now
        self._candidates, self._ignored = frozenset(candidates), frozenset(ignored)
        self._seen: dict[str, float] = {}
        self._lock = Lock()

    def __call__(
        self, environ: Environ, start_response: Callable[[str, list[tuple[str, str]]], object]
    ) -> Iterable[bytes]:
        """Answer a request."""
        status, said = self._answer(environ)
        body = json.dumps(said).encode() + b"\n"
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    def _answer(self, environ: Environ) -> Answer:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if path == HEALTH and method == "GET":
            return HTTPStatus.OK, {"status": "ok", "waiting": self._worker.waiting}
        if path not in (PATH, HEALTH):
            return _refused(HTTPStatus.NOT_FOUND, f"webhooks are received at {PATH}")
        if path == HEALTH or method != "POST":
            return _refused(HTTPStatus.METHOD_NOT_ALLOWED, f"not {method[:20]}")
        length = int(environ.get("CONTENT_LENGTH") or 0)  # the server has checked that it is one
        if length > LIMIT:
            return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"over {LIMIT:,} bytes")
        return self._received(
            Delivery(
                id=environ.get("HTTP_X_MLFLOW_DELIVERY_ID", ""),
                timestamp=environ.get("HTTP_X_MLFLOW_TIMESTAMP", ""),
                signature=environ.get("HTTP_X_MLFLOW_SIGNATURE", ""),
                body=environ["wsgi.input"].read(length),
            )
        )

    def _received(self, delivery: Delivery) -> Answer:
        now = self._now()
        if not delivery.is_from(self._secret):
            return _refused(HTTPStatus.UNAUTHORIZED, "the signature is missing or wrong")
        if not delivery.is_current(now):
            return _refused(HTTPStatus.UNAUTHORIZED, f"the timestamp is over {TOLERANCE} s off")
        try:
            event = events.read(delivery.body, candidates=self._candidates, ignored=self._ignored)
        except ValueError as error:
            return _refused(HTTPStatus.BAD_REQUEST, brief(error, 200))
        if event is None:
            return HTTPStatus.OK, {"status": "ignored"}
        with self._lock:
            self._forget(now - 2 * TOLERANCE)
            if delivery.id in self._seen:
                return HTTPStatus.OK, {"status": "received before"}
            if not self._worker.offer(event):
                return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "too much waits; try again")
            self._seen[delivery.id] = now
        return HTTPStatus.ACCEPTED, {"status": "accepted"}

    def _forget(self, before: float) -> None:
        """Forget the deliveries whose time would be refused by now; the oldest are the first."""
        while self._seen and next(iter(self._seen.values())) < before:
            del self._seen[next(iter(self._seen))]


def _refused(status: HTTPStatus, why: str) -> Answer:
    return status, {"error": why}
