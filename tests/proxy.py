"""A real HTTP proxy before a real MLflow server: counts requests, and can fall silent at one."""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(kw_only=True)
class Proxy:
    """What passed, and where to stop.

    Attributes:
        dies_at: the number of the request (from 0) at which the client is cut off, for good.
        dies_at_write: the same, counting only the requests that write.
        answers_lost: whether that request still reaches the server, and only its answer is lost.
        on_death: called at that request, for example to kill the client's process.
    """

    url: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)
    dies_at: int | None = None
    dies_at_write: int | None = None
    answers_lost: bool = False
    on_death: Callable[[], None] = lambda: None

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The requests that write; MLflow's protocol posts the searches of runs as well."""
        return [one for one in self.seen if one[0] != "GET" and not one[1].endswith("/search")]

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
        self.seen.clear()
        self.dies_at, self.dies_at_write = dies_at, dies_at_write
        self.answers_lost, self.on_death = answers_lost, lambda: None

    def passed(self, command: str, path: str) -> bool:
        """Note a request; whether it still passes."""
        self.seen.append((command, path.split("?", maxsplit=1)[0]))
        if self.dies_at is None and self.dies_at_write == len(self.writes) - 1:
            self.dies_at = len(self.seen) - 1
        return self.dies_at is None or len(self.seen) <= self.dies_at

    @property
    def dying(self) -> bool:
        """Whether the last request was the one at which the client is cut off."""
        return self.dies_at == len(self.seen) - 1


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """Run a proxy before the server at `target`."""
    state = Proxy()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            passes = state.passed(self.command, self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not passes and not (state.answers_lost and state.dying):
                self._hang_up()
                return
            headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
            answer = session.request(
                self.command, target + self.path, data=body, headers=headers, timeout=60
            )
            if not passes:
                self._hang_up()
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def _hang_up(self) -> None:
            if state.dying:
                state.on_death()
            self.close_connection = True

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    session = requests.Session()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        session.close()
