"""A candidate: a pod beside those that serve, which no Service sends requests to, and its test."""

from __future__ import annotations

import json
import socket
import tarfile
import time
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlgitops.deploy import failures
from mlgitops.deploy.kubernetes import names, pods
from mlgitops.deploy.kubernetes.objects import PORT
from mlgitops.errors import ServeError
from mlgitops.serve import truth
from mlgitops.serve.smoke import smoke

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mlgitops.deploy.kubernetes.client import Namespace
    from mlgitops.serve.payloads import Payload
    from mlgitops.serve.truth import Truth

_BESIDE = Path(__file__).with_name("beside.py").read_text(encoding="utf-8")
_BESIDE_PORT = 8079
_LISTENS = (  # without connecting, which would be taken for the first question
    "import sys; "
    f"sys.exit(':{_BESIDE_PORT:04X} 00000000:0000 0A' not in open('/proc/net/tcp').read())"
)
_LARGEST = 16 * 2**20  # bytes of a file of the model that a test needs
_LONGEST = 3600  # seconds that a candidate may run, whoever forgets it
_PAUSE = 1.0
_PROBES = ("startupProbe", "livenessProbe", "lifecycle")


def pod(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """The candidate of a Deployment: its pod, and the model itself beside. Pure.

    It has no restarts: a container that ends has ended.
    """
    template = deepcopy(deployment["spec"]["template"])
    spec, metadata = template["spec"], template["metadata"]
    server = spec["containers"][0]
    for probe in _PROBES:
        server.pop(probe, None)
    server["readinessProbe"]["periodSeconds"] = 1
    shared = ("image", "imagePullPolicy", "securityContext", "resources")
    beside = {
        "name": "itself",
        **{name: deepcopy(server[name]) for name in shared},
        "command": ["python3", "-c", _BESIDE],
        "readinessProbe": {
            "exec": {"command": ["python3", "-S", "-c", _LISTENS]},
            "periodSeconds": 1,
        },
        "args": ["/model", truth.SOURCE, f"{truth.TIMEOUT:g}", str(_BESIDE_PORT), str(_LARGEST)],
    }
    spec |= {
        "containers": [server, beside],
        "restartPolicy": "Never",
        "activeDeadlineSeconds": _LONGEST,
        "terminationGracePeriodSeconds": 1,
    }
    spec.pop("topologySpreadConstraints", None)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name_of(deployment["metadata"]["name"]),
            "labels": {**metadata["labels"], names.ROLE: names.CANDIDATE},
            "annotations": metadata["annotations"],
        },
        "spec": spec,
    }


def name_of(deployment: str) -> str:
    """The name of a Deployment's candidate."""
    return f"{deployment}-candidate"


def prove(
    namespace: Namespace,
    deployment: Mapping[str, Any],
    *,
    timeout: float,
    say: Callable[[str], None],
) -> None:
    """Start a candidate and test it in the cluster; nothing of it stays.

    Raises:
        DeployFailedError: it did not start, or failed its smoke test.
        NoRoomError, ImagePullError, PolicyRefusedError: the cluster does not take it.
        PlaceUnreachableError, ClusterError: the cluster did not answer.
    """
    name = name_of(deployment["metadata"]["name"])
    remove(namespace, name)  # of a deploy that was killed
    try:
        namespace.create(pod(deployment))
        say("starting a candidate beside what serves")
        _ready(namespace, name, timeout)
        say("testing the candidate in the cluster")
        _test(namespace, name)
    finally:
        remove(namespace, name)


def remove(namespace: Namespace, name: str) -> None:
    """Remove a candidate, if there is one."""
    if namespace.get("Pod", name):
        namespace.delete("Pod", name, wait=True)


def _ready(namespace: Namespace, name: str, timeout: float) -> None:
    begun = time.monotonic()
    while True:
        found = namespace.get("Pod", name)
        if found is None:
            raise failures.silent("somebody removed the candidate while it was tested")
        if pods.is_ready(found):
            return
        late = time.monotonic() - begun > timeout
        if trouble := pods.trouble(namespace, found, late=late):
            raise trouble
        if late:
            raise failures.not_ready(timeout, namespace.logs(name, "model"))
        time.sleep(_PAUSE)


def _test(namespace: Namespace, name: str) -> None:
    with (
        namespace.forwarded(name, PORT, _BESIDE_PORT) as (url, beside),
        _model(beside) as folder,
    ):
        try:
            report = smoke(url, folder, lambda payloads: _truth(beside, payloads), strict=True)
        except ServeError as error:
            found = namespace.get("Pod", name)
            if found and (trouble := pods.trouble(namespace, found)):
                raise trouble from error
            raise failures.silent(f"its smoke test could not be run: {error}") from error
    if report.failed:
        first = report.failed[0]
        raise failures.untrue(len(report.failed), first.request, first.expected, first.actual)


@contextmanager
def _model(beside: str) -> Iterator[Path]:
    """The model's files, but for large ones, in a folder that is gone afterwards."""
    with TemporaryDirectory(prefix="mlgitops-candidate-") as folder:
        with (
            _connected(beside) as there,
            there.makefile("rb") as stream,
            tarfile.open(fileobj=stream, mode="r|") as archive,
        ):
            archive.extractall(folder, filter="data")
        yield Path(folder) / "model"


def _truth(beside: str, payloads: Sequence[Payload]) -> Truth:
    """What the model itself says, in the candidate's pod."""
    asked = truth.asking(payloads)
    body = json.dumps(asked).encode()
    with _connected(beside) as there:
        there.sendall(b"%d\n" % len(body) + body)
        with there.makefile("rb") as stream:
            said = stream.read()
    if not said:
        raise ServeError("the model's own process ended before it answered")
    return truth.read(truth.lines(said.decode()), len(asked))


def _connected(url: str) -> socket.socket:
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    return socket.create_connection((address.hostname, address.port), timeout=truth.TIMEOUT + 30)
