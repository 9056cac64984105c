"""The server of serving images, run on this machine as the container runs it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from mlgitops.errors import ServeError
from mlgitops.system import waiting
from mlgitops.system.http import is_up
from mlgitops.system.ports import free_port
from mlgitops.system.processes import started

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A server that is running."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def post(self, body: bytes, content_type: str | None = "application/json") -> requests.Response:
        """Post to /invocations."""
        headers = {"Content-Type": content_type} if content_type else {}
        return requests.post(f"{self.url}/invocations", data=body, headers=headers, timeout=60)


@contextmanager
def serving(model: Path, log: Path, **settings: str) -> Iterator[Serving]:
    """Serve the model of a folder until the block ends."""
    port = free_port()
    given = {
        "SERVING_MODEL": str(model),
        "SERVING_HOST": "127.0.0.1",
        "SERVING_PORT": str(port),
        "SERVING_WORKERS": "1",
        **settings,
    }
    command = [sys.executable, "-m", "mlgitops.serve.server"]
    with started(command, log, environment=given) as running:
        url = f"http://127.0.0.1:{port}"
        waiting.until_ready(
            "the server", running, lambda: is_up(f"{url}/ping"), timeout=90, error=ServeError
        )
        yield Serving(url=url, process=running.process, log=log)
