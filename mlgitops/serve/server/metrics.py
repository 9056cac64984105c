"""What the server counts, in Prometheus's text format."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry, Counter, Histogram

    from .faults import Fault
    from .settings import Settings

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# seconds: from a tenth of a millisecond to the time-out
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60)


@contextmanager
def shared(workers: int) -> Iterator[None]:
    """Let several processes count together that start and end in the block.

    The counts lie in shared memory, which a container has also where nothing else is writable.
    """
    if workers == 1:
        yield
        return
    folder = tempfile.mkdtemp(prefix=f"metrics-{os.getpid()}-", dir="/dev/shm")
    os.environ[_FOLDER] = folder
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Metrics:
    """The counters of one process."""

    def __init__(self, settings: Settings) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._registry = CollectorRegistry()
        fixed, labels = (settings.name, settings.version), ("model", "version")
        about = settings.identity
        Gauge(
            "serving_info",
            "1, with what serves in its labels.",
            tuple(about),
            registry=self._registry,
            multiprocess_mode="max",
        ).labels(**about).set(1)

        def counter(name: str, about: str, *more: str) -> Counter:
            return Counter(name, about, (*labels, *more), registry=self._registry)

        self._requests = counter(
            "serving_requests", "Requests by path and status.", "path", "status"
        )
        self._errors = counter(
            "serving_prediction_errors",
            "Requests to /invocations that got no prediction, by status.",
            "status",
        )
        self._refused = counter(
            "serving_refused",
            "Requests and connections beyond a limit or without meaning, by status.",
            "status",
        )
        self._seconds = Histogram(
            "serving_request_seconds",
            "Time from a whole request to its answer.",
            (*labels, "path"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._failures = counter(
            "serving_model_failures",
            "Requests to /invocations that made the model raise an error.",
        ).labels(*fixed)
        self._refusals = counter(
            "serving_model_refusals",
            "Requests to /invocations with values that the model's libraries refused.",
        ).labels(*fixed)
        self._fixed = fixed
        self._bound: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def count(self, path: str, status: int, seconds: float) -> None:
        """Count an answer."""
        requests, times = self._bound.get((path, status)) or self._bind(path, status)
        requests.inc()
        times.observe(seconds)
        if path == "/invocations" and status != 200:
            self._errors.labels(*self._fixed, status).inc()

    def _bind(self, path: str, status: int) -> tuple[Counter, Histogram]:
        """The counters of an endpoint's status: looking them up takes longer than counting."""
        bound = (
            self._requests.labels(*self._fixed, path, status),
            self._seconds.labels(*self._fixed, path),
        )
        self._bound[path, status] = bound
        return bound

    def count_fault(self, fault: Fault) -> None:
        """Count a request that the model did not answer."""
        (self._failures if fault.value == "failed" else self._refusals).inc()

    def count_refused(self, status: int) -> None:
        """Count a request that did not reach the application."""
        self._refused.labels(*self._fixed, status).inc()

    def text(self) -> bytes:
        """All counts, of all processes."""
        from prometheus_client import generate_latest

        return generate_latest(self._shared() if _FOLDER in os.environ else self._registry)

    @staticmethod
    def _shared() -> CollectorRegistry:
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return registry
