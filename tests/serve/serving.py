"""The server of serving images, run on this machine as the container runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from mlgitops.system.ports import free_port
from mlgitops.system.processes import ended

if TYPE_CHECKING:
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
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlgitops.serve.server"],
            env={**os.environ, **given},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with ended(process):
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 90
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            try:
                if requests.get(f"{url}/ping", timeout=5).ok:
                    break
            except requests.RequestException:
                time.sleep(0.1)
        yield Serving(url=url, process=process, log=log)
