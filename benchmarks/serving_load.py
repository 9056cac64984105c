"""Containers of serving images, and requests to them: start, memory, answers, speed."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness import from_mlflow
from mlgitops.errors import HttpError, ImageError
from mlgitops.image.container import Container
from mlgitops.serve.load_test import count_down, send_load
from mlgitops.system import docker, waiting
from mlgitops.system.http import HttpClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# one day of the wind farm: temperature in °C, wind direction in degrees, wind speed in m/s
READING = {
    "temperature_00": 8.875944,
    "wind_direction_00": 97.246960,
    "wind_speed_00": 11.665322,
    "temperature_08": 11.955358,
    "wind_direction_08": 98.636955,
    "wind_speed_08": 12.240791,
    "temperature_16": 14.668171,
    "wind_direction_16": 112.411930,
    "wind_speed_16": 9.737414,
}
BODY = json.dumps({"dataframe_records": [READING]}).encode()
FIRST = 2_000  # requests, after which memory is looked at
SLICE = 2.5  # seconds of load on one container, then on the next
_PATIENCE = 120.0  # seconds
_STARTS = 5
# the same server, whose model is a constant: what is left is the web framework, log and counters
_FLOOR = """
import sys
from server import __main__ as serving, worker
from server.app import Serving
from server.scoring import Reply
class Nothing:
    compiled = "no"
    def is_quick(self, body):
        return True
    def answer(self, body, content_type):
        return Reply(200, '{"predictions": [0.0]}')
worker.application = lambda settings, watch: Serving(Nothing(), settings, watch)
sys.exit(serving.main())
"""


class _LostError(Exception):
    """A container ended before it answered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """What is measured: an image with some workers on as many processors.

    Attributes:
        floor: to answer without a model.
    """

    image: str
    workers: int = 1
    floor: bool = False

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Run it until the block ends; begins with the first good answer.

        Some of MLflow's containers end at once, because nginx and MLflow open one log file at the
        same time; they are started again, and counted.

        Raises:
            ImageError: it ended several times, or did not answer in time.
        """
        for lost in range(_STARTS):
            begun = time.perf_counter()
            identity = docker.run(self._command()).strip()
            try:
                container = Container(identity=identity, url=_url(identity))
                try:
                    _await(container)
                except _LostError:
                    continue
                seconds = time.perf_counter() - begun
                yield Running(container=container, seconds=seconds, lost=lost)
                return
            finally:
                docker.run(["rm", "--force", "--volumes", identity])
        raise ImageError(f"{self.image} ended by itself {_STARTS} times")

    def _command(self) -> Sequence[str]:
        workers = str(self.workers)
        return (
            *("run", "--detach", "--cpus", workers),
            *("--env", f"SERVING_WORKERS={workers}", "--env", f"MLFLOW_MODELS_WORKERS={workers}"),
            *(
                ("--entrypoint", "python3", self.image, "-c", _FLOOR)
                if self.floor
                else (self.image,)
            ),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A container that answers.

    Attributes:
        seconds: from `docker run` to its first good answer.
        lost: how many were started in vain before.
        slices: connections → requests a second and the 99th percentile in ms, for each slice.
    """

    container: Container
    seconds: float
    lost: int
    slices: dict[int, list[tuple[float, float]]] = field(default_factory=dict)

    def memory(self) -> int:
        """Bytes after the first requests."""
        url = f"{self.container.url}/invocations"
        send_load(url, BODY, connections=8, go_on=count_down(FIRST))
        return self.container.memory

    def slice(self, connections: int) -> float:
        """Load it for a while; the seconds of processor time that each request took the client.

        Raises:
            ImageError: a request failed.
        """
        begun, spent = time.perf_counter(), time.process_time()
        done = send_load(
            f"{self.container.url}/invocations",
            BODY,
            connections=connections,
            go_on=lambda: time.perf_counter() < begun + SLICE,
        )
        rate = len(done) / (time.perf_counter() - begun)
        if done.failed:
            raise ImageError(f"{done.failed} of {len(done)} requests failed: {done.statuses}")
        self.slices.setdefault(connections, []).append((rate, done.percentile(0.99)))
        return (time.process_time() - spent) / len(done)

    def rate(self, connections: int) -> float:
        """Requests a second, the median of the slices."""
        return statistics.median(rate for rate, _ in self.slices[connections])

    def slowest(self, connections: int) -> float:
        """The 99th percentile in milliseconds, the median of the slices."""
        return statistics.median(late for _, late in self.slices[connections])

    def endpoints(self) -> int:
        """How many of MLflow's four answer with 200."""
        url = self.container.url
        client = HttpClient()
        answers = [client.request("GET", f"{url}/{n}") for n in ("ping", "health", "version")]
        return [*(answer.status for answer in answers), _ask(url)].count(200)

    def curl(self) -> int:
        """The status of the tutorials' own `curl`, as docs/from-mlflow.md prints it."""
        printed = from_mlflow.command(from_mlflow.BARE_CURL, 5001)
        asked = printed.replace("http://127.0.0.1:5001", self.container.url)
        asked += " --silent --output /dev/null --write-out '%{http_code}'"
        ran = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
        return int(ran.stdout)


def _url(identity: str) -> str:
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return f"http://{docker.run(['inspect', '--format', form, identity]).strip()}:8080"


def _ask(url: str) -> int:
    headers = {"Content-Type": "application/json"}
    client = HttpClient(timeout=5)
    return client.request("POST", f"{url}/invocations", body=BODY, headers=headers).status


def _await(container: Container) -> None:
    def ready() -> bool:
        try:
            return _ask(container.url) == 200
        except HttpError:
            if container.has_ended:
                raise _LostError from None
            return False

    if not waiting.until(ready, timeout=_PATIENCE, every=0.01):
        raise ImageError(
            f"no good answer in {_PATIENCE:g} s; its last lines:\n{container.last_lines}"
        )
