"""Requests that callers lose while a model is replaced; needs Docker, and some ten minutes.

Eight callers ask, with a pause after each answer, until 50,000 requests were answered and all this
was done: ten replacements by two versions in turn, two versions that did not prove themselves and
were taken back (one answers wrongly, one is killed as a canary), `kill -9` of one of two replicas,
and a reload of the proxy. Beside it the time in which nobody can connect while the container of the
proxy is restarted or made anew, and the time without answers of one container that is stopped so
that the next can take its port.
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

import click

from harness.engine import kill_in
from harness.waiting import eventually
from mlgitops.core.deployments import Canary
from mlgitops.deploy.docker import engine, front, host
from mlgitops.deploy.docker.replace import replace
from mlgitops.deploy.docker.values import DeployOptions, name_of
from mlgitops.errors import DockerCommandError
from mlgitops.errors.deploying import DeployFailedError
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
PAUSE = 0.03  # seconds: replacements share the processors with those who ask
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
        cleanup.callback(remove_images, mark)
        tags = images(folder, mark)
        cleanup.callback(host.remove, name_of(MODEL, mark))
        got, seconds = _replaced(folder, mark, tags)
        yield (
            f"{REPLACEMENTS} replacements, 2 versions taken back, kill -9 of one of 2 replicas and "
            f"a reload of the proxy: {got.statuses.total():,} requests, {got.failed} lost, "
            f"in {seconds:.0f} s; 99th percentile {got.percentile(0.99):.0f} ms"
        )
        for what, seconds in _proxy_away(mark):
            yield f"{what}: nobody can connect for {seconds:.1f} s"
        seconds = _stopped_and_started(mark, tags)
        yield f"docker stop, docker run of one container: no answer for {seconds:.1f} s"


def images(folder: Path, mark: str) -> list[str]:
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
    options = DeployOptions(port=free_port(), watch=1.0, replicas=2, start_timeout=600)
    url = replace(MODEL, mark, good[0], options, say=say).url
    begun = time.monotonic()
    with callers(url, at_least=REQUESTS) as got:
        for turn in range(1, REPLACEMENTS + 1):
            say(f"replacement {turn} of {REPLACEMENTS}")
            replace(MODEL, mark, good[turn % 2], options, say=say)
        _fails(lambda: replace(MODEL, mark, wrong, options, say=say))
        canary = DeployOptions(watch=1.0, canary=Canary(share=30, seconds=120.0))
        with ThreadPoolExecutor(1) as pool:
            killed = pool.submit(_kill_the_canary, mark)
            _fails(lambda: replace(MODEL, mark, good[1], canary, say=say))
            killed.result()
        say("killing a replica")
        _kill_a_replica(mark)
        say("reloading the proxy")
        proxy = front.proxy(name_of(MODEL, mark))
        proxy.reload()
        proxy.settle()
    return got[0], time.monotonic() - begun


def _proxy_away(mark: str) -> Iterator[tuple[str, float]]:
    """What is done to the proxy's container, and for how long nobody can connect."""
    name = name_of(MODEL, mark)
    (container,) = engine.service(name, "proxy")
    found = host.find_deployment(MODEL, mark)
    assert found is not None, "it serves"

    def make_anew() -> None:
        docker.run(["stop", container["Id"]])
        front.start_proxy(MODEL, mark, DeployOptions())

    for what, work in (
        ("docker restart of the proxy", lambda: docker.run(["restart", container["Id"]])),
        ("docker stop of the proxy, deploy", make_anew),
    ):
        yield what, _longest_without(f"{found.url}/ping", work)


def _longest_without(url: str, work: Callable[[], object]) -> float:
    """The longest time between two answers, on new connections, until work has ended."""
    longest, last = 0.0, time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        while True:
            over = working.done()
            if is_up(url, timeout=1):
                longest, last = max(longest, time.monotonic() - last), time.monotonic()
                if over:
                    working.result()
                    return longest
            time.sleep(0.01)


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
def callers(url: str, *, at_least: int) -> Iterator[list[Load]]:
    """Callers that ask until the block has ended and there were enough requests; what they got."""
    done, failed, left = threading.Event(), threading.Event(), iter(range(at_least))

    def go_on() -> bool:
        time.sleep(PAUSE)
        return not failed.is_set() and (next(left, None) is not None or not done.is_set())

    got: list[Load] = []
    with ThreadPoolExecutor(1) as pool:
        address = f"{url}/invocations"
        asked = pool.submit(send_load, address, BODY, connections=CONNECTIONS, go_on=go_on)
        try:
            yield got
        except BaseException:
            failed.set()
            raise
        done.set()
        say("waiting for the rest of the requests")
        got.append(asked.result())


def _kill_the_canary(mark: str) -> None:
    def found() -> bool:
        now = host.find_deployment(MODEL, mark)
        for slot in now.slots[1:] if now else ():  # the first one serves most
            if slot.weight and slot.requests > 50:
                docker.run(["kill", *slot.containers])
                return True
        return False

    eventually(found, within=300, every=0.1)


def _kill_a_replica(mark: str) -> None:
    """The other one answers until it has come back."""

    def complete() -> bool:
        now = host.find_deployment(MODEL, mark)
        return now is not None and now.serving is not None and now.serving.ready == 2

    eventually(complete, within=300, every=0.1)
    found = host.find_deployment(MODEL, mark)
    assert found is not None, "asked before"
    assert found.serving is not None, "asked before"
    killed = found.serving.container
    before = _started(killed)
    kill_in(killed)
    eventually(lambda: _started(killed) != before, within=300, every=0.1)
    eventually(complete, within=300, every=0.1)


def _started(container: str) -> str:
    return docker.run(["inspect", "--format", "{{.State.StartedAt}}", container])


def _fails(work: Callable[[], object]) -> None:
    try:
        work()
    except DeployFailedError:
        return
    raise AssertionError("a version that does not prove itself was let through")


def _identity(tag: str) -> str:
    return docker.run(["image", "inspect", "--format", "{{.Id}}", tag]).strip()


def remove_images(mark: str) -> None:
    """Remove what `images` has made."""
    listed = docker.run(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]).split()
    if mine := [tag for tag in listed if tag.startswith(f"mlgitops-{mark}/")]:
        docker.run(["image", "rm", "--force", *mine])


def say(text: str) -> None:
    """Tell how far it is; the figures alone are printed."""
    click.echo(f"    {text}", err=True)
