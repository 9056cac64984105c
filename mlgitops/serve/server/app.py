"""The web application: MLflow's four endpoints, `/live` and `/metrics`."""

from __future__ import annotations

import json
import re
import sys
import time
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from mlflow.version import VERSION
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from .metrics import Metrics
from .predicting import Predictor
from .scoring import RETRY_AFTER, Reply, failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from .scoring import Scorer
    from .settings import Settings
    from .watch import Watch

_JSON = "application/json"
_HELD = 4  # requests of the largest size, in memory at the same time
_PLAIN = "".join(chr(code) for code in range(32, 127) if chr(code) != "%")
_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)


class Serving:
    """What one process serves.

    Args:
        scorer: with a model that is loaded and warm.

    Attributes:
        app: for a server to run.
    """

    def __init__(self, scorer: Scorer, settings: Settings, watch: Watch) -> None:
        self._settings = settings
        self._predictor = Predictor(scorer, settings, watch)
        self._metrics = Metrics(settings)
        self._identity = {
            # a header's value is ASCII; what is not comes as in an address
            f"x-serving-{name}": quote(value, safe=_PLAIN)
            for name, value in settings.identity.items()
        }
        self._held = 0  # bytes of bodies
        self.app = Starlette(
            routes=[
                Route("/ping", self._counted(self._ping)),
                Route("/health", self._counted(self._ping)),
                Route("/live", self._counted(self._live)),
                Route("/version", self._counted(self._version)),
                Route("/invocations", self._counted(self._invocations), methods=["POST"]),
                Route("/metrics", self._text),
            ],
            exception_handlers={HTTPException: _refused},
        )

    def refused(self, status: int) -> None:
        """Count a request that did not reach the application."""
        self._metrics.count_refused(status)

    async def _ping(self, _: Request) -> Response:
        """Whether predictions are made: readiness."""
        return Response("\n", 503 if self._predictor.is_stuck else 200, media_type=_JSON)

    async def _live(self, _: Request) -> Response:
        """Whether anything is answered: liveness."""
        return Response("\n", media_type=_JSON)

    async def _version(self, _: Request) -> Response:
        return Response(VERSION, headers=self._identity, media_type=_JSON)

    async def _text(self, _: Request) -> Response:
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")

    async def _invocations(self, request: Request) -> Response:
        parts: list[bytes] = []
        try:
            answer = await self._read(request, parts)
            if answer is None:
                parts[:] = [b"".join(parts)]
                kind = request.headers.get("content-type")
                answer = await self._predictor.answer(parts[0], kind)
        except ClientDisconnect:
            answer = failure(400, "BAD_REQUEST", "the request is incomplete")  # for the log
        finally:
            self._held -= sum(map(len, parts))
        if answer.fault:
            self._metrics.count_fault(answer.fault)
        busy = answer.status == HTTPStatus.SERVICE_UNAVAILABLE
        headers = {"retry-after": RETRY_AFTER} if busy else None
        return Response(answer.body, answer.status, headers, media_type=_JSON)

    async def _read(self, request: Request, parts: list[bytes]) -> Reply | None:
        """Read the body into `parts`; why not, if it is too large, whatever its headers say."""
        size, most = 0, self._settings.max_bytes
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            self._held += len(part)
            if size > most:
                return failure(413, "BAD_REQUEST", self._settings.too_large)
            if self._held > _HELD * most:
                return failure(503, "TEMPORARILY_UNAVAILABLE", "the requests need too much memory")
        return None

    def _counted(
        self, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint with an id for the request, counted and logged."""

        async def counted(request: Request) -> Response:
            begun = time.perf_counter()
            response = await endpoint(request)
            seconds = time.perf_counter() - begun
            path, identity = request.url.path, _identity(request)
            response.headers["x-request-id"] = identity
            self._metrics.count(path, response.status_code, seconds)
            if path == "/invocations":
                self._log(identity, response.status_code, seconds)
            return response

        return counted

    def _log(self, identity: str, status: int, seconds: float) -> None:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "request": identity,
            "model": self._settings.name,
            "version": self._settings.version,
            "status": status,
            "milliseconds": round(seconds * 1000, 3),
        }
        sys.stdout.write(json.dumps(line) + "\n")


def _identity(request: Request) -> str:
    """The caller's id of the request if it is harmless in a log, else a new one."""
    given = request.headers.get("x-request-id", "")
    return given if _ID.fullmatch(given) else uuid.uuid4().hex


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = failure(error.status_code, "BAD_REQUEST", error.detail)
    return Response(answer.body, answer.status, error.headers, media_type=_JSON)
