"""MLflow's own model server, `mlflow models serve`, without the caller having to know its flags."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.errors import ServeError
from mlgitops.system import http, waiting
from mlgitops.system.ports import LOOPBACK, free_port, refusal
from mlgitops.system.processes import ended, started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

STARTUP = 120.0  # seconds; loading a large model and its libraries takes most of it


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeOptions:
    """How to serve.

    Attributes:
        port: a TCP port; None for a free one.
        workers: processes that each hold the model.
        env_manager: `local` serves with the libraries of this environment; `uv`, `virtualenv` and
            `conda` first build the one that the model was logged with.
    """

    host: str = LOOPBACK
    port: int | None = None
    workers: int = 1
    env_manager: str = "local"


@contextmanager
def start(
    model_uri: str, options: ServeOptions | None = None, *, timeout: float = STARTUP
) -> Iterator[str]:
    """The address of a server of a model until the block ends; nothing of it is left then.

    The registry is the one that MLFLOW_TRACKING_URI names.

    Args:
        model_uri: `models:/NAME/VERSION` or another that MLflow can load.
        options: how to serve.
        timeout: seconds to wait for the first `/ping`.

    Raises:
        ServeError: the port is taken, or the server stopped or did not answer; with its last lines.
    """
    options = options or ServeOptions()
    port = _port(options)
    with tempfile.TemporaryDirectory(prefix="mlgitops-") as folder:
        command, log = _command(model_uri, options, port), Path(folder) / "server.log"
        with started(command, log, environment=_environment()) as running:
            url = f"http://{options.host}:{port}"
            waiting.until_ready(
                f"the server of {model_uri}",
                running,
                lambda: http.is_up(f"{url}/ping"),
                timeout=timeout,
                error=ServeError,
            )
            yield url


def run(model_uri: str, options: ServeOptions) -> None:
    """Serve a model in the foreground until it is interrupted.

    Raises:
        ServeError: the port is taken, or the server stopped by itself.
    """
    process = subprocess.Popen(
        _command(model_uri, options, _port(options)),
        env={**os.environ, **_environment()},
        start_new_session=True,
    )
    asked: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        asked.append(number)
        process.terminate()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with ended(process):
            code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if code and not asked:
        raise ServeError(f"the server of {model_uri} stopped with exit code {code}; see its output")


def _port(options: ServeOptions) -> int:
    if options.port is None:
        return free_port()
    if reason := refusal(options.host, options.port):
        message = f"cannot listen on {options.host}:{options.port}: {reason}"
        raise ServeError(f"{message}; choose another with --port")
    return options.port


def _command(model_uri: str, options: ServeOptions, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model_uri),
        *("--host", options.host, "--port", str(port), "--workers", str(options.workers)),
        *("--env-manager", options.env_manager),
    ]


def _environment() -> dict[str, str]:
    # MLflow starts `uvicorn` by name: it must be the one of this interpreter, also where its
    # environment is not activated
    tools = str(Path(sys.executable).parent)
    return {"PATH": os.pathsep.join([tools, os.environ.get("PATH", "")])}
