"""The smoke test of an image: run as production would run it, asked everything, stopped."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from mlgitops.errors import HttpError, ServeError
from mlgitops.image.container import running, truth_of, unpacked
from mlgitops.serve import smoke as serving
from mlgitops.serve.load_test import count_down, send_load
from mlgitops.serve.smoke import Probe, ProbeResult, Report
from mlgitops.system.http import HttpClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.image.container import Container

_FIRST = 2_000  # requests, after which what is made once has been made
_GROWTH = 1.10
_CONNECTIONS = 8
_STOPPED_IN = 10.0  # seconds
_MIB = 2**20


def smoke(
    image: str,
    *,
    requests_sent: int = 20_000,
    memory: str = "1g",
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Test an image.

    Args:
        image: its tag or id.
        requests_sent: requests under which its memory must stay flat; 2,000 at least.
        memory: the container's limit, as Docker writes it.
        say: is told of each step.

    Raises:
        ImageError: it is no serving image, or does not start.
        ServeError: its model cannot be asked itself, in a container of its own.
        DockerError: there is no Docker.
    """
    with unpacked(image) as model, running(image, memory=memory) as container:
        say(f"testing {image}")
        before = container.processes
        report = serving.smoke(
            container.url, model, partial(truth_of, image, memory=memory), strict=True
        )
        checks = [*report.checks, _metrics(container.url)]
        if report.answered:
            say(f"sending {requests_sent:,} requests")
            checks += _loaded(container, report.answered, max(requests_sent, _FIRST))
        after = container.processes
        lost = f"{len(before - after)} replaced"
        checks.append(_found("the server's processes", "0 replaced", before == after, lost))
        checks.append(_stopped(container))
    return Report(url=container.url, model_uri=image, checks=tuple(checks))


def _metrics(url: str) -> Probe:
    begun = time.perf_counter()
    try:
        answer = HttpClient().request("GET", f"{url}/metrics")
    except HttpError as error:
        raise ServeError(str(error)) from error
    counted = answer.ok and "serving_requests_total{" in answer.text
    return _found(
        "GET /metrics",
        "200 with counts of requests",
        counted,
        str(answer.status),
        (time.perf_counter() - begun) * 1000,
    )


def _loaded(container: Container, body: bytes, most: int) -> Iterator[Probe]:
    """Requests on several connections at once: all answered, and memory does not grow."""
    url = f"{container.url}/invocations"
    first = send_load(url, body, connections=_CONNECTIONS, go_on=count_down(_FIRST))
    early = container.memory
    rest = send_load(url, body, connections=_CONNECTIONS, go_on=count_down(most - _FIRST))
    late = container.memory
    failed = first.failed + rest.failed
    yield _found(
        f"{most:,} requests on {_CONNECTIONS} connections",
        "200 each",
        failed == 0,
        f"{failed} failed",
        first.percentile(0.99),
    )
    growth = f"{early / _MIB:.0f} → {late / _MIB:.0f} MiB"
    yield _found(
        f"memory after {_FIRST:,} and after {most:,}",
        "at most 10% more",
        late <= early * _GROWTH,
        growth,
    )


def _stopped(container: Container) -> Probe:
    code, seconds = container.stop()
    return _found(
        "SIGTERM",
        f"exit code 0 within {_STOPPED_IN:g} s",
        code == 0 and seconds <= _STOPPED_IN,
        f"{code} after {seconds:.1f} s",
        seconds * 1000,
    )


def _found(
    request: str, expected: str, right: bool, actual: str, milliseconds: float = 0.0
) -> Probe:
    return Probe(
        request=request,
        expected=expected,
        actual=actual,
        outcome=ProbeResult.PASSED if right else ProbeResult.FAILED,
        milliseconds=milliseconds,
    )
