"""The site on this machine, for as long as the command runs."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from mlgitops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Tell nobody of each request."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of a folder on 127.0.0.1.

    Args:
        folder: the site.
        port: 0 for a free one.

    Raises:
        UsageError: the port is taken.
    """
    handler = partial(_Quiet, directory=str(folder.resolve()))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise UsageError(f"--port {port}: {error.strerror}; pass another port") from error


def serve(folder: Path, port: int, say: Callable[[str], None]) -> None:
    """Serve a folder until somebody interrupts; `say` is told the address.

    Raises:
        UsageError: the port is taken.
    """
    with server(folder, port) as made:
        say(f"http://127.0.0.1:{made.server_port}/")
        with suppress(KeyboardInterrupt):  # which is how it is meant to end
            made.serve_forever()
