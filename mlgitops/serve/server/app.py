"""The web application: MLflow's four endpoints and `/metrics`."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mlflow.version import VERSION
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from .metrics import Metrics
from .scoring import Reply, failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from .scoring import Scorer
    from .settings import Settings

_JSON = "application/json"
_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)


def application(scorer: Scorer, settings: Settings) -> Starlette:
    """The application that serves a scorer, which is loaded and warm."""
    return _Server(scorer, settings).app


class _Server:
    def __init__(self, scorer: Scorer, settings: Settings) -> None:
        self._scorer, self._settings = scorer, settings
        self._metrics = Metrics(settings.name, settings.version)
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="predict")
        self.app = Starlette(
            routes=[
                Route("/ping", self._counted(self._ping)),
                Route("/health", self._counted(self._ping)),
                Route("/version", self._counted(self._version)),
                Route("/invocations", self._counted(self._invocations), methods=["POST"]),
                Route("/metrics", self._text),
            ],
            exception_handlers={HTTPException: _refused},
        )

    async def _ping(self, _: Request) -> Response:
        return Response("\n", media_type=_JSON)

    async def _version(self, _: Request) -> Response:
        return Response(VERSION, media_type=_JSON)

    async def _text(self, _: Request) -> Response:
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")

    async def _invocations(self, request: Request) -> Response:
        body = await self._body(request)
        if body is None:
            most = self._settings.max_bytes
            answer = failure(413, "BAD_REQUEST", f"the request is larger than {most} bytes")
        else:
            answer = await self._answer(body, request.headers.get("content-type"))
        return Response(answer.body, answer.status, media_type=_JSON)

    async def _body(self, request: Request) -> bytes | None:
        """The body; None if it is too large, whatever its headers say."""
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > self._settings.max_bytes:
                return None
            parts.append(part)
        return b"".join(parts)

    async def _answer(self, body: bytes, content_type: str | None) -> Reply:
        if self._scorer.is_quick(body):
            return self._scorer.answer(body, content_type)
        loop = asyncio.get_running_loop()
        answer = loop.run_in_executor(self._threads, self._scorer.answer, body, content_type)
        try:
            return await asyncio.wait_for(answer, self._settings.timeout)
        except TimeoutError:
            seconds = f"{self._settings.timeout:g} s"
            return failure(504, "DEADLINE_EXCEEDED", f"there was no prediction within {seconds}")

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
