"""A real HTTP proxy before a real MLflow server: counts, meddles, and can fall silent."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping

    PassOn = Callable[["Asked"], "Answered"]
    Meddle = Callable[["Asked", PassOn], "Answered"]


class HangUpError(Exception):
    """Raised by what meddles: the client's connection is closed without an answer."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request."""

    method: str
    target: str  # path and query
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's values."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def writes(self) -> bool:
        """Whether it writes; MLflow's protocol posts the searches of runs as well."""
        return self.method != "GET" and not self.path.endswith("/search")

    def with_query(self, **values: str) -> Asked:
        """The same with other values in the query."""
        query = urlencode(self.query | values, doseq=True)
        return replace(self, target=f"{self.path}?{query}")


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One answer."""

    status: int
    kind: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int = 0  # bytes that the client is told of and does not get

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def with_document(self, document: Any) -> Answered:
        """The same with another body."""
        return replace(self, body=json.dumps(document).encode())


def failure(status: int, **headers: str) -> Answered:
    """What proxies say when a server is not to be had."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answered(status=status, kind="text/html", body=b"<h1>no</h1>", headers=named)


@dataclass(kw_only=True)
class Proxy:
    """What passed, what becomes of it, and where to stop.

    Attributes:
        meddle: makes the answer of a request that passes; default: the server's own.
        dies_at: the number of the request (from 0) at which the client is cut off, for good.
        dies_at_write: the same, counting only the requests that write.
        answers_lost: whether that request still reaches the server, and only its answer is lost.
        on_death: called at that request, for example to kill the client's process.
    """

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    meddle: Meddle = lambda asked, pass_on: pass_on(asked)
    dies_at: int | None = None
    dies_at_write: int | None = None
    answers_lost: bool = False
    on_death: Callable[[], None] = lambda: None

    @property
    def seen(self) -> list[tuple[str, str]]:
        """Methods and paths."""
        return [(one.method, one.path) for one in self.asked]

    @property
    def writes(self) -> list[tuple[str, str]]:
        """Those of the requests that write."""
        return [(one.method, one.path) for one in self.asked if one.writes]

    @property
    def downloads(self) -> list[str]:
        """The paths of the artifacts that were asked for; folders that were listed are none."""
        paths = [path.partition("/artifacts/") for method, path in self.seen if method == "GET"]
        return [file for _, found, file in paths if found and file]

    def reset(
        self,
        *,
        dies_at: int | None = None,
        dies_at_write: int | None = None,
        answers_lost: bool = False,
    ) -> None:
        """Forget what passed, and say where to stop."""
        self.asked.clear()
        self.dies_at, self.dies_at_write = dies_at, dies_at_write
        self.answers_lost, self.on_death = answers_lost, lambda: None

    def passed(self, asked: Asked) -> bool:
        """Note a request; whether it still passes."""
        self.asked.append(asked)
        if self.dies_at is None and self.dies_at_write == len(self.writes) - 1:
            self.dies_at = len(self.asked) - 1
        return self.dies_at is None or len(self.asked) <= self.dies_at

    @property
    def dying(self) -> bool:
        """Whether the last request was the one at which the client is cut off."""
        return self.dies_at == len(self.asked) - 1

    def answer(self, asked: Asked, pass_on: PassOn) -> Answered:
        """What becomes of one request."""
        if self.passed(asked):
            return self.meddle(asked, pass_on)
        if self.dying:
            if self.answers_lost:
                pass_on(asked)
            self.on_death()
        raise HangUpError


@contextmanager
def proxy(target: str, *, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Run a proxy before the server at `target`; with `tls` it is asked by https.

    Clients may also use it as a forward proxy: then requests name the server themselves.
    """
    state = Proxy()
    session = requests.Session()
    session.trust_env = False  # the variables under test are those of the client

    def pass_on(asked: Asked) -> Answered:
        headers = {k: v for k, v in asked.headers.items() if k.lower() != "host"}
        answer = session.request(
            asked.method, target + asked.target, data=asked.body, headers=headers, timeout=60
        )
        kind = answer.headers.get("Content-Type", "")
        return Answered(status=answer.status_code, kind=kind, body=answer.content)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            asked = Asked(
                method=self.command,
                target=parts._replace(scheme="", netloc="").geturl(),
                headers=dict(self.headers),
                body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            )
            try:
                answer = state.answer(asked, pass_on)
            except HangUpError:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body) + answer.cut))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = self.close_connection or bool(answer.cut)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Keep quiet about clients that hang up, or whose certificate is missing."""

        def finish_request(self, request: Any, client_address: Any) -> None:
            # in the thread of the request: a handshake must not hold up the others
            with tls.wrap_socket(request, server_side=True) if tls else request as made:
                super().finish_request(made, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    state.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        session.close()
