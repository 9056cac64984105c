"""Requests that callers lose while a model is replaced; needs Docker.

Eight callers ask without a pause, until there were ten replacements by two versions in turn, two
versions that did not prove themselves (one answers wrongly, one is killed as a canary), one of two
replicas was killed with SIGKILL, and 50,000 requests were answered. Beside it the time without
answers of one container that is stopped so that the next can take its port.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.waiting import eventually
from mlgitops.deploy import host
from mlgitops.deploy.replace import replace
from mlgitops.deploy.values import Canary, DeployOptions, name_of
from mlgitops.errors import DeployFailedError, DockerCommandError
from mlgitops.image.build import build
from mlgitops.image.spec import BuildOptions
from mlgitops.registry.connect import connect
from mlgitops.serve.load_test import send_load
from mlgitops.system import docker
from mlgitops.system.http import is_up
from mlgitops.system.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.serve.load_test import Load

MODEL = "power-forecasting-model"
REPLACEMENTS = 10
REQUESTS = 50_000
CONNECTIONS = 8
ROOT = Path(__file__).parents[1]
BODY = json.dumps(
    [
        {
            f"{name}_{hour}": 5.0
            for hour in ("00", "08", "16")
            for name in ("temperature", "wind_direction", "wind_speed")
        }
    ]
).encode()


def measure() -> Iterator[str]:
    """Callers' losses, with a deployment and without."""
    mark = f"bench-{secrets.token_hex(4)}"
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="mlgitops-bench-")))
        cleanup.callback(_remove_images, mark)
        tags = _images(folder, mark)
        cleanup.callback(host.remove, name_of(MODEL, mark))
        got, seconds = _replaced(folder, mark, tags)
        yield (
            f"{REPLACEMENTS} replacements, 2 that failed and a killed replica: "
            f"{got.statuses.total():,} requests, {got.failed} lost, in {seconds:.0f} s; "
            f"99th percentile {got.percentile(0.99):.0f} ms"
        )
        seconds = _stopped_and_started(mark, tags)
        yield f"docker stop, docker run: no answer for {seconds:.1f} s"


def _images(folder: Path, mark: str) -> list[str]:
    """Images of two versions."""
    command = [sys.executable, "-m", "mlgitops", "train", "--state", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    registry = connect(f"sqlite:///{folder / 'mlflow.db'}")
    options = BuildOptions(repository=f"mlgitops-{mark}")
    return [build(registry, MODEL, version, options).tags[0] for version in ("1", "2")]


def _replaced(folder: Path, mark: str, tags: list[str]) -> tuple[Load, float]:
    good = [_identity(tag) for tag in tags]
    (folder / "Dockerfile").write_text(f"FROM {tags[0]}\nENV SERVING_MAX_BYTES=10\n")
    wrong = docker.run(["build", "--quiet", "--tag", f"mlgitops-{mark}/wrong", str(folder)]).strip()
    options = DeployOptions(port=free_port(), watch=1.0, replicas=2)
    url = replace(MODEL, mark, good[0], options, say=_silent).url
    begun = time.monotonic()
    with _callers(url, at_least=REQUESTS) as got:
        for turn in range(1, REPLACEMENTS + 1):
            replace(MODEL, mark, good[turn % 2], options, say=_silent)
        _fails(lambda: replace(MODEL, mark, wrong, options, say=_silent))
        canary = DeployOptions(watch=1.0, canary=Canary(share=30, seconds=30.0))
        with ThreadPoolExecutor(1) as pool:
            killed = pool.submit(_kill_the_canary, mark)
            _fails(lambda: replace(MODEL, mark, good[1], canary, say=_silent))
            killed.result()
        _kill_a_replica(mark)
    return got[0], time.monotonic() - begun


def _stopped_and_started(mark: str, tags: list[str]) -> float:
    port, name = free_port(), f"mlgitops-{mark}"
    run = ["run", "--detach", "--name", name, "--publish", f"127.0.0.1:{port}:8080"]
    url = f"http://127.0.0.1:{port}"
    try:
        docker.run([*run, tags[0]])
        eventually(lambda: is_up(f"{url}/ping", timeout=1), within=120, every=0.1)
        begun = time.monotonic()
        docker.run(["stop", name])
        docker.run(["rm", name])
        docker.run([*run, tags[1]])
        eventually(lambda: is_up(f"{url}/ping", timeout=1), within=120, every=0.1)
        return time.monotonic() - begun
    finally:
        with suppress(DockerCommandError):
            docker.run(["rm", "--force", name])


@contextmanager
def _callers(url: str, *, at_least: int) -> Iterator[list[Load]]:
    """Callers that ask until the block has ended and there were enough requests."""
    done, left = threading.Event(), iter(range(at_least))

    def go_on() -> bool:
        return next(left, None) is not None or not done.is_set()

    got: list[Load] = []
    with ThreadPoolExecutor(1) as pool:
        address = f"{url}/invocations"
        asked = pool.submit(send_load, address, BODY, connections=CONNECTIONS, go_on=go_on)
        try:
            yield got
        finally:
            done.set()
            got.append(asked.result())


def _kill_the_canary(mark: str) -> None:
    def found() -> bool:
        now = host.find_deployment(MODEL, mark)
        for slot in now.slots if now else ():
            if slot.weight == 30 and slot.requests > 100:
                docker.run(["kill", slot.container])
                return True
        return False

    eventually(found, within=120, every=0.1)


def _kill_a_replica(mark: str) -> None:
    """The other one answers until it has come back."""

    def complete() -> bool:
        now = host.find_deployment(MODEL, mark)
        return now is not None and now.serving is not None and now.serving.ready == 2

    eventually(complete, within=120, every=0.1)
    found = host.find_deployment(MODEL, mark)
    assert found is not None, "asked before"
    assert found.serving is not None, "asked before"
    docker.run(["kill", "--signal", "KILL", found.serving.container])
    eventually(complete, within=120, every=0.1)


def _fails(work: Callable[[], object]) -> None:
    try:
        work()
    except DeployFailedError:
        return
    raise AssertionError("a version that does not prove itself was let through")


def _identity(tag: str) -> str:
    return docker.run(["image", "inspect", "--format", "{{.Id}}", tag]).strip()


def _remove_images(mark: str) -> None:
    listed = docker.run(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]).split()
    if mine := [tag for tag in listed if tag.startswith(f"mlgitops-{mark}/")]:
        docker.run(["image", "rm", "--force", *mine])


def _silent(_: str) -> None:
    """Tell nobody."""
