"""One deploy at a time on a host: who has the turn is told by a container, which ends with it.

The container reads from the process that deploys. However that ends, `kill -9` included, there is
nothing left to read: the container ends, and the engine removes it. So nobody has to judge how old
a lock may be.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import select
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from mlgitops.core.stamp import iso
from mlgitops.deploy import failures
from mlgitops.deploy.docker import front
from mlgitops.errors import DockerCommandError
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

_WHO = "mlgitops.turn"  # a label
_PATIENCE = 10.0  # seconds, in which the container of a process that was killed is gone
_START = 120.0  # seconds in which an engine starts a container
_PAUSE = 0.2
_MARK = b"mine\n"


@contextmanager
def taken(owner: str, place: str) -> Iterator[Callable[[], None]]:
    """Have the turn of an owner on the host that the docker command speaks to.

    Args:
        owner: who manages the deployments; those of others are not affected.
        place: the host, for messages.

    Yields:
        What raises PlaceUnreachableError once the turn is lost, for example with the engine.

    Raises:
        DeployUnderWayError: another process has it.
        DockerError: the host could not do it.
    """
    name = f"mlgitops-turn-{hashlib.sha256(owner.encode()).hexdigest()[:16]}"
    image = front.image()
    until = time.monotonic() + _PATIENCE
    with TemporaryFile() as errors:
        while (process := _started(name, image, errors)) is None:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
            if "is already in use" not in said:
                raise DockerCommandError(f"docker run {image}: {said}")
            if time.monotonic() > until:
                _clear(name, place)
                until = time.monotonic() + _PATIENCE
            errors.seek(0)
            errors.truncate()
            time.sleep(_PAUSE)

        def check() -> None:
            if process.poll() is not None:
                raise failures.unreachable(place, "its engine ended the turn of this deploy")

        try:
            yield check
        finally:
            assert process.stdin is not None, "a pipe"
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()


def _started(name: str, image: str, errors: IO[bytes]) -> subprocess.Popen[bytes] | None:
    """The process that has the turn; None if it could not be had."""
    command = [
        *("docker", "run", "--rm", "--interactive", "--name", name, "--label", f"{_WHO}={_who()}"),
        *("--network", "none", "--memory", "64m", "--read-only", "--no-healthcheck"),
        *("--entrypoint", "cat", image),
    ]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, bufsize=0
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.write(_MARK)
    ready, _, _ = select.select([process.stdout], [], [], _START)
    if ready and process.stdout.read(len(_MARK)) == _MARK:
        return process
    process.kill()
    process.wait()
    return None


def _clear(name: str, place: str) -> None:
    """Remove a container that never ran, or that its engine forgot to remove.

    Raises:
        DeployUnderWayError: it runs.
    """
    try:
        found = json.loads(docker.run(["inspect", "--type", "container", name]))[0]
    except DockerCommandError:
        return  # it has ended just now
    if found["State"]["Running"]:
        raise failures.under_way(place, found["Config"]["Labels"].get(_WHO, "of somebody"))
    with suppress(DockerCommandError):  # without --force: one that was started meanwhile stays
        docker.run(["rm", name])


def _who() -> str:
    job = os.environ.get("GITHUB_RUN_ID")
    where = f"job {job} of {os.environ.get('GITHUB_REPOSITORY', 'GitHub')}, " if job else ""
    person = f"{_user()}@{socket.gethostname()}, process {os.getpid()}"
    return f"{where}{person}, since {iso(datetime.now(UTC))}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
