"""A plugin that a Docker engine asks what it may do, as companies have them.

The protocol is that of Docker's access authorization plugins: a socket in /run/docker/plugins, and
`AuthZPlugin.AuthZReq` before each request.
"""

from __future__ import annotations

import json
import secrets
import socketserver
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER = Path("/run/docker/plugins")
MESSAGE = "use the company's registry"  # of whoever refuses, in any kind of place


@dataclass(kw_only=True)
class Plugin:
    """A plugin that runs.

    Attributes:
        name: for `dockerd --authorization-plugin`.
        refuses: what a new container's name may not have in it; empty if all are allowed.
    """

    name: str
    refuses: str = ""

    def verdict(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request of the engine."""
        if path == "/Plugin.Activate":
            return {"Implements": ["authz"]}
        called = asked.get("RequestUri", "").partition("/containers/create?")[2]
        refused = bool(self.refuses) and self.refuses in called and path.endswith("AuthZReq")
        return {"Allow": not refused, "Msg": MESSAGE if refused else ""}


@contextmanager
def running() -> Iterator[Plugin]:
    """Run one, which allows everything at first, until the block ends."""
    plugin = Plugin(name=f"mlgitops-test-{secrets.token_hex(4)}")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = json.dumps(plugin.verdict(self.path, json.loads(body or "{}"))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.docker.plugins.v1.1+json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def address_string(self) -> str:
            return "the engine"  # a socket's peer has no address

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    _FOLDER.mkdir(parents=True, exist_ok=True)
    path = _FOLDER / f"{plugin.name}.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield plugin
        finally:
            server.shutdown()
            thread.join()
            path.unlink()
