"""What docs/from-mlflow.md prints, by what it does; run with bash, as people run it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import requests

from harness import pages
from mlgitops.system import http, processes, waiting

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mlgitops.system.processes import Started

PAGE = "from-mlflow.md"
MODEL = "power-forecasting-model"
# each command of the page: a test asserts that there is no other
PLAIN_SERVE = r"mlflow models serve -m \S+ -p \d+"
LOCAL_SERVE = r"mlflow models serve -m \S+ -p \d+ --env-manager local"
OUR_SERVE = r"mlgitops serve .*"
BARE_CURL = r"curl .* -d '\[.*"
KEYED_CURL = r"curl .* -d '\{\"dataframe_records\".*"
BUILD_DOCKER = r"mlflow models build-docker .*"
RUN = r"docker run -p \S+ \S+"
OUR_BUILD = r"mlgitops image build .*"
OUR_RUN = r"docker run --rm .*"
COMMANDS = (
    *(PLAIN_SERVE, LOCAL_SERVE, OUR_SERVE, BARE_CURL, KEYED_CURL),
    *(BUILD_DOCKER, RUN, OUR_BUILD, OUR_RUN),
)


def command(pattern: str, port: int, model: str = MODEL) -> str:
    """The page's command that matches."""
    return pages.command(PAGE, pattern, port=port, model=model)


def started(text: str, log: Path) -> AbstractContextManager[Started]:
    """Run a command until the block ends, with what it prints in a file."""
    command = ["bash", "-c", f"exec {text}"]
    return processes.started(command, log, environment=pages.environment())


def answers(running: Started, port: int, *, within: float = 120) -> bool:
    """Wait until a server answers; False if it has ended, or does not in time."""
    url = f"http://127.0.0.1:{port}/ping"
    return waiting.until(lambda: http.is_up(url), timeout=within, unless=lambda: running.has_ended)


def curl(pattern: str, port: int) -> tuple[int, Any]:
    """Run one of the page's requests; the status and the document of the answer."""
    asked = command(pattern, port) + " --silent --write-out '\n%{http_code}'"
    ran = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    body, code = ran.stdout.rsplit("\n", 1)
    return int(code), json.loads(body)


def endpoints(port: int) -> dict[str, int]:
    """The statuses of what is to be had by GET."""
    base = f"http://127.0.0.1:{port}/"
    return {
        n: requests.get(base + n, timeout=10).status_code for n in ("ping", "health", "version")
    }
