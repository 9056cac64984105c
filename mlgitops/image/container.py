"""A serving image, run as production would run it, only its model, or only opened."""

from __future__ import annotations

import json
import secrets
import signal
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING, Any

from mlgitops.errors import DockerCommandError, ImageError, ServeError
from mlgitops.serve import truth
from mlgitops.system import docker, http, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlgitops.serve.payloads import Payload
    from mlgitops.serve.truth import Truth

_PORT = 8080
_MODEL = "/model"
_SIGNAL = 128  # and its number: the exit code of a process that a signal ended
# lines that faulthandler writes at most: 100 frames of each of 100 threads; source: its traceback.c
_TRACES = 100 * 103
_LABEL = "mlgitops.smoke"  # of containers and networks; its value is the image
# no write to its disk, no privilege, no way out of its network
_CONFINED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
# source: proc_pid_status(5), RssAnon, in kB
_MEMORY = """
import pathlib, re
found = 0
for status in pathlib.Path("/proc").glob("[0-9]*/status"):
    match = re.search(r"^RssAnon:\\s+(\\d+)", status.read_text(), re.M)
    found += int(match[1]) * 1024 if match else 0
print(found)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """A container that runs.

    Attributes:
        url: its address, as this machine reaches it.
    """

    identity: str
    url: str

    @property
    def state(self) -> dict[str, Any]:
        """What Docker says of it."""
        found: dict[str, Any] = json.loads(docker.run(["inspect", self.identity]))[0]
        return found

    @property
    def processes(self) -> frozenset[str]:
        """The ids of the server's processes; another set means that one was replaced."""
        lines = docker.run(["top", self.identity, "-eo", "pid,args"]).splitlines()[1:]
        # health checks come and go
        own = (line for line in lines if "-m server" in line or "multiprocessing" in line)
        return frozenset(line.split()[0] for line in own)

    @property
    def memory(self) -> int:
        """Bytes that its processes hold for themselves, whatever version of cgroups there is."""
        return int(docker.run(["exec", self.identity, "python3", "-S", "-c", _MEMORY]))

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return not self.state["State"]["Running"]

    @property
    def last_lines(self) -> str:
        """The last lines of both its outputs."""
        return docker.logs(self.identity, lines=20)

    def stop(self) -> tuple[int, float]:
        """Ask it to end; its exit code and the seconds that it took."""
        begun = time.monotonic()
        docker.run(["stop", "--time", "15", self.identity])
        return int(self.state["State"]["ExitCode"]), time.monotonic() - begun


@contextmanager
def created(image: str) -> Iterator[str]:
    """The id of a container of an image, which is never started; it is removed on exit.

    Raises:
        ImageError: there is no such image, or Docker cannot make the container.
    """
    try:
        container = docker.run(["create", "--network", "none", image]).strip()
    except DockerCommandError as error:
        raise ImageError(f"{image} cannot be used: {error}") from error
    try:
        yield container
    finally:
        docker.run(["rm", "--force", container])


@contextmanager
def unpacked(image: str) -> Iterator[Path]:
    """The model inside an image, in a folder that is gone afterwards.

    Raises:
        ImageError: there is no such image, or no model in it.
    """
    with created(image) as container, TemporaryDirectory(prefix="mlgitops-image-") as folder:
        try:
            docker.run(["cp", f"{container}:{_MODEL}", f"{folder}/model"])
        except DockerCommandError as error:
            raise ImageError(f"{image} holds no model, so it is not a serving image") from error
        yield Path(folder) / "model"


def truth_of(
    image: str,
    payloads: Sequence[Payload],
    *,
    memory: str = "1g",
    timeout: float = truth.TIMEOUT,
) -> Truth:
    """What the model of an image itself says, in a container beside the one that serves it.

    Raises:
        ServeError: it cannot be loaded, ended its process, or took too long.
        ImageError: the container cannot be started.
    """
    asked = truth.asking(payloads)
    name = f"mlgitops-truth-{secrets.token_hex(4)}"
    limits = ["--memory", memory, "--pids-limit", "512", "--label", f"{_LABEL}={image}"]
    program = ["--entrypoint", "python3", image, "-c", truth.SOURCE, _MODEL, f"{timeout:g}"]
    command = ["run", "--interactive", "--name", name, "--network", "none", *_CONFINED, *limits]
    with TemporaryFile() as requests:
        requests.write(json.dumps(asked).encode())
        requests.seek(0)
        try:
            said = docker.run([*command, *program], stdin=requests)
        except DockerCommandError as error:
            raise _ended(name, image, error, timeout) from error
        finally:
            with suppress(DockerCommandError):
                docker.run(["rm", "--force", "--volumes", name])
    return truth.read(truth.lines(said), len(asked))


def _ended(
    name: str, image: str, error: DockerCommandError, timeout: float
) -> ServeError | ImageError:
    """Why a model's own process ended, on one line."""
    try:
        state = json.loads(docker.run(["inspect", "--format", "{{json .State}}", name]))
    except DockerCommandError:
        return ImageError(f"{image} cannot be run: {error}")
    code = int(state["ExitCode"])
    why = f"exit code {code}"
    if state["OOMKilled"]:
        why = "it took more memory than its container may have"
    elif "Timeout (" in docker.logs(name, lines=_TRACES):  # telling where it was may crash it, too
        why = f"no answer within {timeout:g} s"
    elif code > _SIGNAL:
        why = signal.strsignal(code - _SIGNAL) or why
    return ServeError(f"the model of {image} ended its process before it answered: {why}")


@contextmanager
def running(image: str, *, memory: str = "1g", timeout: float = 120.0) -> Iterator[Container]:
    """Run an image, confined, until it is ready; it is removed on exit.

    Raises:
        ImageError: the image does not start, or is not ready in time.
        DockerError: there is no Docker.
    """
    docker.require()
    name = f"mlgitops-smoke-{secrets.token_hex(4)}"
    limits = ["--memory", memory, "--pids-limit", "512"]
    label = ("--label", f"{_LABEL}={image}")
    docker.run(["network", "create", "--internal", *label, name])
    try:
        command = ["run", "--detach", "--name", name, *label, "--network", name]
        try:
            identity = docker.run([*command, *_CONFINED, *limits, image]).strip()
        except DockerCommandError as error:
            raise ImageError(f"{image} cannot be run: {error}") from error
        address = docker.run(
            [
                "inspect",
                "--format",
                "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
                name,
            ]
        ).strip()
        container = Container(identity=identity, url=f"http://{address}:{_PORT}")
        waiting.until_ready(
            image,
            container,
            lambda: http.is_up(f"{container.url}/ping", timeout=1),
            timeout=timeout,
            error=ImageError,
        )
        yield container
    finally:
        with suppress(DockerCommandError):
            docker.run(["rm", "--force", "--volumes", name])
        docker.run(["network", "rm", name])
