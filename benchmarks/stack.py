"""Idle memory and keep-alive latency of the stack, beside MLflow's plain defaults; needs Docker.

Both use the same image and the same database, one after the other. "Plain" is what the commands
`mlflow server` and `mlflow server --artifacts-only` give without further options: four workers, the
job runner, and the standard event loop, because MLflow does not install uvloop.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from harness.stack import Running
from harness.waiting import eventually
from mlgitops.system import docker
from mlgitops.system.http import is_up
from mlgitops.system.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

READS = 300
SETTLE = 20.0  # seconds after the start; memory is measured at rest
SEARCH = "/api/2.0/mlflow/registered-models/search?max_results=100"
_TRACKING = """
import os, sys
from inside import database
os.environ["MLFLOW_BACKEND_STORE_URI"] = database.server_uri("mlflow")
os.execvp("mlflow", ["mlflow", "server", "--host", "0.0.0.0", "--uvicorn-opts", "--loop asyncio"])
"""
_ARTIFACTS = (
    *("mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--artifacts-only"),  # noqa: S104
    *("--serve-artifacts", "--artifacts-destination", "/artifacts"),
    *("--uvicorn-opts", "--loop asyncio"),
)


def memory(container: str) -> float:
    """MiB of a container, without the page cache."""
    printed = docker.run(["stats", "--no-stream", "--format", "{{.MemUsage}}", container])
    number, unit = re.match(r"([\d.]+)(MiB|GiB)", printed).groups()  # type: ignore[union-attr]
    return float(number) * (1024 if unit == "GiB" else 1)


def latency(uri: str) -> float:
    """Median milliseconds of a registry read on a kept connection."""
    times = []
    with requests.Session() as session:
        for _ in range(READS):
            started = time.perf_counter()
            session.get(uri + SEARCH, timeout=30).raise_for_status()
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def plain(stack: Running, service: str, *command: str) -> tuple[str, str]:
    """Start a service with a plain command; return its container and address."""
    port = free_port()
    name = f"{stack.compose.project}-plain-{service}"
    run = ("run", "--detach", "--no-deps", "--name", name)
    stack.compose.run(*run, "--publish", f"127.0.0.1:{port}:5000", service, *command)
    uri = f"http://127.0.0.1:{port}"
    eventually(lambda: is_up(f"{uri}/health", timeout=2), within=180)
    return name, uri


def measure() -> Iterator[str]:
    """Idle memory in MiB and the median of a registry read in ms, plain defaults → this stack."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"STACK_MLFLOW_WORKERS": "2", "STACK_MLFLOW_MEMORY": "4g"}
        stack = Running(folder=Path(folder), settings=sizes | {"STACK_ARTIFACTS_MEMORY": "4g"})
        try:
            stack.compose.build()
            stack.up()
            time.sleep(SETTLE)
            ours = [memory(stack.container(name)) for name in ("mlflow", "artifacts")]
            our_latency = latency(stack.compose.uri)
            stack.compose.run("stop", "mlflow", "artifacts")
            tracking, uri = plain(stack, "mlflow", "python", "-c", _TRACKING)
            artifacts, _ = plain(stack, "artifacts", *_ARTIFACTS)
            time.sleep(SETTLE)
            theirs = [memory(name) for name in (tracking, artifacts)]
            their_latency = latency(uri)
        finally:
            stack.close()
    names = ("mlflow", "artifacts", "both")
    for name, before, after in zip(names, [*theirs, sum(theirs)], [*ours, sum(ours)], strict=True):
        yield f"{name}, idle: {before:.0f} → {after:.0f} MiB ({after / before:.2f} ×)"
    ratio = our_latency / their_latency
    yield f"registry read: {their_latency:.1f} → {our_latency:.1f} ms ({ratio:.2f} ×)"
