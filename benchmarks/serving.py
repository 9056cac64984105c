"""Our serving image beside MLflow's own, of the same version: `nox -s bench -- serving`.

The baseline is `mlflow models build-docker --env-manager local`. Both builds begin without any
cached layer or package, for which **Docker's whole build cache is emptied first**. Both containers
get the same processors, publish a port on loopback and are asked for the same row by the same
client, one after the other; they share the machine with it.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from benchmarks.stack import memory
from modelops import docker
from modelops.cli import run as modelops
from modelops.image.build import build
from modelops.image.load import Load, count_down, load, until
from modelops.image.spec import Options
from modelops.processes import free_port
from modelops.registry.client import MlflowRegistry
from modelops.registry.embedded import Embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODEL = "power-forecasting-model"
RECIPES = """
models:
  power-forecasting-model:
    versions:
      1: {train: power_forecasting, params: {estimator: gradient_boosting, max_iter: 200}}
      2: {train: power_forecasting, params: {estimator: gradient_boosting, max_iter: 190}}
    stages: {}
"""
ROW = {
    f"{what}_{hour}": value
    for hour in ("00", "08", "16")
    for what, value in (("temperature", 9.5), ("wind_direction", 98.0), ("wind_speed", 11.5))
}
BODY = json.dumps(
    {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())]}}
).encode()
CPUS = "2"
PATHS = ("/ping", "/health", "/version")
WARM, SECONDS = 2_000, 10.0


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured of one image."""

    size: float  # MB
    cold: float  # s
    again: float  # s
    start: float  # s
    memory: float  # MiB
    one: Load
    eight: Load
    endpoints: int
    second: float  # requests a second with two workers, over those with one


def measure() -> Iterator[str]:
    """Size, builds, start, memory and speed: MLflow's image → ours."""
    tag = f"modelops-bench-{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            uri = _trained(Path(folder))
            theirs = _figures(lambda number: _theirs(uri, number, f"{tag}/theirs:{number}"))
            ours = _figures(lambda number: _ours(uri, number, tag))
        finally:
            listed = docker.run(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]).split()
            if mine := [name for name in listed if name.startswith(tag)]:
                docker.run(["image", "rm", "--force", *mine])
    yield from _lines(theirs, ours)


def _lines(theirs: Figures, ours: Figures) -> Iterator[str]:
    for what, unit, old, new in (
        ("image size", "MB", theirs.size, ours.size),
        ("cold build", "s", theirs.cold, ours.cold),
        ("rebuild for another version", "s", theirs.again, ours.again),
        ("start to the first good answer", "s", theirs.start, ours.start),
        (f"memory after {WARM:,} requests, one worker", "MiB", theirs.memory, ours.memory),
        ("requests a second, 1 connection", "", theirs.one.per_second, ours.one.per_second),
        ("requests a second, 8 connections", "", theirs.eight.per_second, ours.eight.per_second),
        (
            "99th percentile, 8 connections",
            "ms",
            theirs.eight.percentile(0.99),
            ours.eight.percentile(0.99),
        ),
    ):
        yield f"{what}: {old:,.1f} → {new:,.1f} {unit} ({new / old:.2f} ×)"
    yield f"endpoints that answer: {theirs.endpoints} → {ours.endpoints} of 4"
    yield f"a second worker: {theirs.second:.2f} × → {ours.second:.2f} ×"
    yield f"failed requests: {theirs.eight.failed} → {ours.eight.failed}"


def _trained(folder: Path) -> str:
    (folder / "models.yaml").write_text(RECIPES, encoding="utf-8")
    state = folder / "state"
    assert modelops(["train", "--file", str(folder / "models.yaml"), "--state", str(state)]) == 0
    return Embedded(folder=state).uri


def _ours(uri: str, number: int, repository: str) -> str:
    return build(MlflowRegistry(uri), MODEL, str(number), Options(repository=repository)).tags[0]


def _theirs(uri: str, number: int, tag: str) -> str:
    command = [sys.executable, "-m", "mlflow", "models", "build-docker", "--env-manager", "local"]
    command += ["--model-uri", f"models:/{MODEL}/{number}", "--name", tag]
    subprocess.run(
        command, env={**os.environ, "MLFLOW_TRACKING_URI": uri}, check=True, capture_output=True
    )
    return tag


def _figures(make: Callable[[int], str]) -> Figures:
    docker.run(["builder", "prune", "--all", "--force"])
    begun = time.monotonic()
    tag = make(1)
    cold = time.monotonic() - begun
    begun = time.monotonic()
    make(2)
    again = time.monotonic() - begun
    with _running(tag, 1) as (container, url, start):
        load(f"{url}/invocations", BODY, connections=8, go_on=count_down(WARM))
        held = memory(container)
        endpoints = sum(requests.get(url + path, timeout=9).ok for path in PATHS) + 1
        single = _asked(url, 8)
    with _running(tag, 2) as (_, url, _):
        load(f"{url}/invocations", BODY, connections=8, go_on=count_down(WARM))
        double = _asked(url, 8)
    with _running(tag, None) as (_, url, _):
        load(f"{url}/invocations", BODY, connections=8, go_on=count_down(WARM))
        one, eight = _asked(url, 1), _asked(url, 8)
    size = int(docker.run(["image", "inspect", "--format", "{{.Size}}", tag])) / 1e6
    return Figures(
        size=size,
        cold=cold,
        again=again,
        start=start,
        memory=held,
        one=one,
        eight=eight,
        endpoints=endpoints,
        second=double.per_second / single.per_second,
    )


def _asked(url: str, connections: int) -> Load:
    deadline = time.monotonic() + SECONDS
    return load(f"{url}/invocations", BODY, connections=connections, go_on=until(deadline))


@contextmanager
def _running(tag: str, workers: int | None) -> Iterator[tuple[str, str, float]]:
    """A container, its address, and the seconds from its start to the first good answer.

    Each image's own default is used where no number of workers is given.
    """
    port = free_port()
    given = (
        []
        if workers is None
        else [f"SERVING_WORKERS={workers}", f"MLFLOW_MODELS_WORKERS={workers}"]
    )
    variables = [part for text in given for part in ("--env", text)]
    command = ["run", "--detach", "--cpus", CPUS, "--publish", f"127.0.0.1:{port}:8080"]
    begun = time.monotonic()
    container = docker.run([*command, *variables, tag]).strip()
    url = f"http://127.0.0.1:{port}"
    try:
        while not _answers(url):
            time.sleep(0.02)
        yield container, url, time.monotonic() - begun
    finally:
        docker.run(["rm", "--force", container])


def _answers(url: str) -> bool:
    headers = {"Content-Type": "application/json"}
    try:
        return requests.post(f"{url}/invocations", BODY, headers=headers, timeout=30).ok
    except requests.RequestException:
        return False
