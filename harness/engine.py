"""Docker engines beside the one that runs here: each may be killed, and stands for another host.

An engine has a network namespace, an address and a disk of its own. Containers publish their ports
at that address, which this machine reaches; nothing else does, and there is no way out. It runs
the executables of the engine that runs here, so it needs root.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.errors import DockerCommandError
from mlgitops.system import docker, waiting
from mlgitops.system.processes import started

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlgitops.system.processes import Started

# between a port of 127.0.0.1, whose namespace has its own, and a socket in a folder, which all see
_RELAY = """
import asyncio, sys
kind, path, port = sys.argv[1:]
async def copy(source, target):
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
    target.close()
async def relay(reader, writer):
    if kind == "enter":
        there, to = await asyncio.open_unix_connection(path)
    else:
        there, to = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(copy(reader, to), copy(there, writer), return_exceptions=True)
async def run():
    if kind == "enter":
        server = await asyncio.start_server(relay, "127.0.0.1", port)
    else:
        server = await asyncio.start_unix_server(relay, path)
    await server.serve_forever()
asyncio.run(run())
"""
_SECONDS = 120.0  # in which an engine answers that has just been started


class EngineError(Exception):
    """An engine did not start."""


@dataclass(kw_only=True)
class Engine:
    """An engine of one's own.

    Attributes:
        folder: all that it keeps.
        name: of its network namespace, for `ip netns` and `nsenter --net=/run/netns/NAME`.
        address: where it publishes ports, such as `10.213.7.2`.
        gateway: this machine's address, as its containers reach it.
        arguments: more of `dockerd`.
    """

    folder: Path
    name: str
    address: str
    gateway: str
    arguments: Sequence[str] = ()
    _running: ExitStack = field(default_factory=ExitStack)
    _process: Started | None = None
    _logs: Iterator[int] = field(default_factory=count)

    @property
    def host(self) -> str:
        """What DOCKER_HOST is, so that the docker command speaks to it."""
        return f"unix://{self.folder}/docker.sock"

    def run(self, arguments: Sequence[str]) -> str:
        """Run `docker ARGUMENTS` there and return what it printed.

        Raises:
            DockerCommandError: it failed, or the engine does not answer.
        """
        return docker.run(arguments, environment={**os.environ, "DOCKER_HOST": self.host})

    def take(self, *images: str) -> None:
        """Copy images from the engine that the docker command uses.

        Raises:
            DockerCommandError: there is no such image.
        """
        environment = {**os.environ, "DOCKER_HOST": self.host}
        with docker.stream(["save", *images]) as content:
            docker.run(["load"], environment=environment, stdin=content)

    @contextmanager
    def reaching(self, registry: str) -> Iterator[None]:
        """Let it reach a registry of images at `127.0.0.1:PORT` of this machine under that name.

        An engine takes a registry without TLS at 127.0.0.1 only, which is another one for each.
        """
        port = registry.rpartition(":")[2]
        relay = (sys.executable, "-c", _RELAY)
        ends = (str(self.folder / f"relay{port}"), port)
        inside = ("nsenter", f"--net=/run/netns/{self.name}", *relay, "enter", *ends)
        with subprocess.Popen([*relay, "leave", *ends]) as out, subprocess.Popen(inside) as into:
            try:
                yield
            finally:
                into.terminate()
                out.terminate()

    def start(self) -> None:
        """Run it, and wait until it answers; what it had before comes back by itself.

        Raises:
            EngineError: it stopped, or did not answer in time; with its last lines.
        """
        (found, path) = _executable() or ("dockerd", os.environ["PATH"])
        (self.folder / "daemon.json").write_text("{}")  # not this machine's own
        command = [
            *("nsenter", f"--net=/run/netns/{self.name}", found),
            *("--config-file", str(self.folder / "daemon.json")),
            *("--data-root", str(self._data)),
            *("--exec-root", str(self.folder / "exec")),
            *("--pidfile", str(self.folder / "pid")),
            *("--containerd-namespace", self.name),  # where containerd is shared
            *("--containerd-plugins-namespace", f"{self.name}-plugins"),
            *("--host", self.host),
            *self.arguments,
        ]
        log = self.folder / f"log{next(self._logs)}"
        process = self._running.enter_context(started(command, log, environment={"PATH": path}))
        self._process = process
        if not waiting.until(self._answers, timeout=_SECONDS, unless=lambda: process.has_ended):
            raise EngineError(f"no engine answers at {self.host}:\n{process.last_lines}")

    def kill(self) -> None:
        """`kill -9` of the engine; its containers run on, as nobody's."""
        assert self._process is not None, "it was started"
        self._process.process.kill()
        self._process.process.wait()

    def close(self) -> None:
        """Remove its containers, stop it, and remove all that it kept."""
        try:
            if not self._answers():
                self.start()
            if containers := self.run(["ps", "--all", "--quiet"]).split():
                self.run(["rm", "--force", "--volumes", *containers])
        finally:
            self._running.close()
            # an engine mounts its folder on itself, and leaves it so
            subprocess.run(["umount", str(self._data)], capture_output=True, check=False)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _answers(self) -> bool:
        with suppress(DockerCommandError):
            return bool(self.run(["version", "--format", "{{.Server.Version}}"]))
        return False


def missing() -> str | None:
    """Why no engine can be run here; None if it can."""
    if os.geteuid() != 0:
        return "only root can run a Docker engine"
    absent = [name for name in ("ip", "nsenter") if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)}: not installed"
    if _executable() is None:
        return "there is no `dockerd`: the engine runs elsewhere"
    return None


def kill_in(container: str) -> None:
    """`kill -9` of a container's first process, by nobody that its engine knows.

    The engine starts it again if that is its policy, which it does not after `docker kill`.

    Raises:
        DockerCommandError: there is no such container.
    """
    form = "{{.State.Pid}} {{.Image}}"
    pid, image = docker.run(["inspect", "--format", form, container]).split()
    run = ["run", "--rm", "--pid", "host", "--network", "none", "--user", "0"]
    docker.run([*run, "--entrypoint", "sh", image, "-c", f"kill -9 {pid}"])


@contextmanager
def another(*arguments: str) -> Iterator[Engine]:
    """Run an engine until the block ends; nothing of it stays. Several may run at once.

    Args:
        arguments: more of `dockerd`.

    Raises:
        EngineError: it did not start.
    """
    with ExitStack() as cleanup:
        # a short path: those of sockets are limited
        folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="mlgitops-engine-"))
        name, address, gateway = cleanup.enter_context(_network())
        made = Engine(
            folder=Path(folder), name=name, address=address, gateway=gateway, arguments=arguments
        )
        cleanup.callback(made.close)
        made.start()
        yield made


@contextmanager
def _network() -> Iterator[tuple[str, str, str]]:
    """A namespace with one link to this machine: its name, its address, this machine's."""
    for number in secrets.SystemRandom().sample(range(256), 256):
        name = f"mlgitops-{number}"
        with suppress(subprocess.CalledProcessError):  # somebody has it
            _ip("netns", "add", name)
            break
    else:
        raise EngineError("all names of network namespaces are taken; see `ip netns`")
    address, gateway = f"10.213.{number}.2", f"10.213.{number}.1"
    try:
        _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("address", "add", f"{gateway}/30", "dev", name)
        _ip("link", "set", name, "up")
        _ip("-n", name, "address", "add", f"{address}/30", "dev", "eth0")
        for link in ("lo", "eth0"):
            _ip("-n", name, "link", "set", link, "up")
        _ip("-n", name, "route", "add", "default", "via", gateway)
        yield name, address, gateway
    finally:
        with suppress(subprocess.CalledProcessError):
            _ip("link", "delete", name)
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _executable() -> tuple[str, str] | None:
    """Where `dockerd` is, and the PATH on which the running one found its helpers."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found = (process / "exe").readlink()
            if found.name == "dockerd":
                variables = (process / "environ").read_bytes().split(b"\0")
                path = next((one for one in variables if one.startswith(b"PATH=")), b"PATH=")
                return str(found), path.removeprefix(b"PATH=").decode()
    there = shutil.which("dockerd")
    return (there, os.environ["PATH"]) if there else None
