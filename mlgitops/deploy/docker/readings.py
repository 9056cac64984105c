"""What a version has counted itself, in its own containers: a slot of the proxy counts for ever."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from mlgitops.deploy.counts import Count, parsed, trial
from mlgitops.deploy.docker import host
from mlgitops.errors import DockerCommandError
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlgitops.deploy.docker.proxy import Proxy
    from mlgitops.deploy.docker.values import Slot
    from mlgitops.deploy.judge import Trial

# no image needs anything for these: they run in those that were built long ago, too
_METRICS = """
import http.client, os, sys
port = int(os.environ.get("SERVING_PORT", "8080"))
there = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
there.request("GET", "/metrics")
answer = there.getresponse()
sys.stdout.write(answer.read().decode())
sys.exit(answer.status != 200)
"""
_FORGET = """
import os, pathlib
for file in pathlib.Path(os.environ.get("SERVING_UNANSWERED") or "/nowhere").glob("*"):
    file.unlink(missing_ok=True)
"""
_UNANSWERED = """
import base64, json, os, pathlib
for file in pathlib.Path(os.environ.get("SERVING_UNANSWERED") or "/nowhere").glob("*"):
    if file.name.isdigit():
        kind, _, body = file.read_bytes().partition(b"\\n")
        print(json.dumps([kind.decode("latin-1"), base64.b64encode(body).decode()]))
"""
_ASK = """
import base64, http.client, json, os, sys, time
port, until = int(os.environ.get("SERVING_PORT", "8080")), time.monotonic() + 10
for line in sys.stdin:
    kind, body = json.loads(line)
    left = max(0.1, until - time.monotonic())
    there = http.client.HTTPConnection("127.0.0.1", port, timeout=left)
    try:
        there.request("POST", "/invocations", base64.b64decode(body), {"Content-Type": kind})
        print(there.getresponse().status)
    except (OSError, http.client.HTTPException):
        print(0)
"""
_UNKNOWN = (0, 503, 504)  # it says nothing of the request


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A moment of a version in a slot.

    Attributes:
        containers: what each of its containers has counted, by the container's id.
        unanswered: what the proxy calls errors, among them requests that no server lived to count.
    """

    containers: Mapping[str, Count]
    unanswered: int


def read(name: str, proxy: Proxy, slot: Slot) -> Reading:
    """Read what the containers of a deployment's slot have counted; one that has ended is left out.

    Raises:
        DockerError: the proxy does not run.
    """
    found = {}
    for container in host.containers(name, slot):
        with suppress(DockerCommandError):
            found[container] = parsed(_run(container, _METRICS))
    return Reading(containers=found, unanswered=proxy.counts()[slot].errors)


def between(before: Reading, after: Reading) -> Trial:
    """What a version did between two moments. Pure."""
    steps = [
        count.since(before.containers.get(container, Count()))
        for container, count in after.containers.items()
    ]
    return trial(steps, unanswered=after.unanswered - before.unanswered)


def forget(name: str, slot: Slot) -> None:
    """Have no request kept that a version in a slot did not answer until now."""
    for container in host.containers(name, slot):
        with suppress(DockerCommandError):
            _run(container, _FORGET)


def unanswered(name: str, slot: Slot) -> tuple[str, ...]:
    """Requests for which the model of a version raised an error; each a line for `answered`."""
    found: list[str] = []
    for container in host.containers(name, slot):
        with suppress(DockerCommandError):
            found += _run(container, _UNANSWERED).splitlines()
    return tuple(found)


def answered(name: str, slot: Slot, requests: Sequence[str]) -> float:
    """The part of some requests that a version answers with a prediction; 1 if it cannot tell."""
    statuses: list[int] = []
    for container in host.containers(name, slot)[:1] if requests else ():
        with TemporaryFile() as lines, suppress(DockerCommandError):
            lines.write("\n".join(requests).encode())
            lines.seek(0)
            said = docker.run(["exec", "--interactive", *_python(container, _ASK)], stdin=lines)
            statuses = [status for status in map(int, said.split()) if status not in _UNKNOWN]
    return statuses.count(200) / len(statuses) if statuses else 1.0


def _run(container: str, code: str) -> str:
    return docker.run(["exec", *_python(container, code)])


def _python(container: str, code: str) -> tuple[str, ...]:
    return container, "python3", "-S", "-E", "-c", code
