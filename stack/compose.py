"""One Compose project: its addresses, the state of its services, and commands on it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlgitops.errors import DockerCommandError
from mlgitops.system import docker
from stack import progress
from stack.errors import BuildError, SettingsError
from stack.settings import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from stack.settings import Settings

_LISTINGS = 4
_FROM_EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - compared with, not bound to


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A service's container as it is now."""

    name: str
    container: str
    state: str
    health: str
    exit_code: int

    @property
    def ready(self) -> bool:
        """It does what it is there for, or has done it."""
        if self.state == "exited":
            return self.exit_code == 0
        return self.state == "running" and self.health in {"", "healthy"}

    @property
    def failed(self) -> bool:
        """It will not become ready by waiting."""
        ended = self.state == "exited" and self.exit_code != 0
        return ended or self.state in {"restarting", "dead"}

    def __str__(self) -> str:
        if self.state == "exited":
            return "done" if self.exit_code == 0 else f"failed (exit code {self.exit_code})"
        return self.health if self.state == "running" and self.health else self.state


@dataclass(frozen=True, kw_only=True, slots=True)
class Port:
    """A port of a service that the host shows."""

    service: str
    host: str
    number: int


class Compose:
    """Commands on the project that the settings describe."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._prefix = ["compose", "--project-directory", str(FOLDER)]
        for file in settings.files:
            self._prefix += ["--file", str(file)]

    @cached_property
    def config(self) -> dict[str, Any]:
        """The project with all variables replaced.

        Raises:
            SettingsError: Compose does not accept it.
        """
        try:
            text = self.run("config", "--format", "json")
        except DockerCommandError as error:
            raise SettingsError(f"check stack/.env: {error}") from None
        return dict(json.loads(text))

    @property
    def project(self) -> str:
        """The name that all containers, volumes and networks start with."""
        return str(self.config["name"])

    @property
    def network(self) -> str:
        """The network from which containers reach http://mlflow:5000."""
        return str(self.config["networks"]["default"]["name"])

    @property
    def uri(self) -> str:
        """The tracking server as the host sees it."""
        return _address(self.port("mlflow"))

    @property
    def inner_uri(self) -> str:
        """The tracking server as containers on `network` see it."""
        return "http://mlflow:5000"

    @property
    def ports(self) -> list[Port]:
        """All ports that the host shows."""
        return [
            Port(service=name, host=port.get("host_ip", ""), number=int(port["published"]))
            for name, service in self.config["services"].items()
            for port in service.get("ports") or ()
        ]

    def port(self, service: str) -> Port:
        """The first port of a service."""
        return next(port for port in self.ports if port.service == service)

    def volume(self, name: str) -> str:
        """The full name of a volume."""
        return str(self.config["volumes"][name]["name"])

    def has_volume(self, name: str) -> bool:
        """Whether a volume exists."""
        wanted = self.volume(name)
        names = docker.run(["volume", "ls", "--quiet", "--filter", f"name={wanted}"])
        return wanted in names.split()

    def services(self) -> dict[str, Service]:
        """The containers of the project, also those that have ended."""
        found = {}
        for line in self._listed().splitlines():
            row = json.loads(line)
            found[row["Service"]] = Service(
                name=row["Service"],
                container=row["Name"],
                state=row["State"],
                health=row["Health"],
                exit_code=row["ExitCode"],
            )
        return found

    def _listed(self) -> str:
        """What `compose ps` lists; asked again where another container ended meanwhile."""
        for _ in range(_LISTINGS):
            try:
                return self.run("ps", "--all", "--format", "json")
            except DockerCommandError as error:
                if "No such container" not in str(error):
                    raise
        return self.run("ps", "--all", "--format", "json")

    def unchanged(self) -> bool:
        """Whether all services are ready, and made of the present settings and images."""
        services = self.services()
        wanted = dict(line.split() for line in self.run("config", "--hash", "*").splitlines())
        if wanted.keys() != services.keys() or not all(s.ready for s in services.values()):
            return False
        form = '{{index .Config.Labels "com.docker.compose.config-hash"}} {{.Image}}'
        for name, service in services.items():
            image = self.config["services"][name]["image"]
            current = docker.run(["image", "inspect", "--format", "{{.Id}}", image]).strip()
            if docker.run(["inspect", "--format", form, service.container]).split() != [
                wanted[name],
                current,
            ]:
                return False
        return True

    def run(
        self,
        *arguments: str,
        stdin: IO[bytes] | int = subprocess.DEVNULL,
        stdout: IO[bytes] | int = subprocess.PIPE,
        environment: dict[str, str] | None = None,
    ) -> str:
        """Run `docker compose ARGUMENTS` and return what it printed.

        Raises:
            DockerCommandError: it failed.
        """
        return docker.run(
            [*self._prefix, *arguments],
            environment=self.settings.environment | (environment or {}),
            stdin=stdin,
            stdout=stdout,
        )

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start `docker compose ARGUMENTS` and do not wait for it."""
        return subprocess.Popen(
            ["docker", *self._prefix, *arguments],
            env=self.settings.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def attached(self, *arguments: str) -> int:
        """Run `docker compose ARGUMENTS` on this terminal and return its exit code."""
        return subprocess.run(
            ["docker", *self._prefix, *arguments], env=self.settings.environment, check=False
        ).returncode

    def build(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Build the images; what has not changed comes from the cache.

        Args:
            say: is told what takes long, while it does.

        Raises:
            BuildError: an image could not be built.
        """
        process = self.start("build", BUILDKIT_PROGRESS="plain")
        assert process.stdout is not None
        last = progress.follow(process.stdout, say)
        if process.wait():
            said = "\n".join(last)
            raise BuildError(
                f"docker compose build: {said}\nBase images come from STACK_PYTHON_IMAGE and "
                "STACK_MYSQL_IMAGE, packages from the index in pip's configuration"
            )

    def last_lines(self, service: str, count: int = 15) -> str:
        """The last lines of a service's log, and of its health check if that fails."""
        log = self.run("logs", "--no-color", "--no-log-prefix", "--tail", str(count), service)
        _, check = self.failed_check(self.services().get(service))
        return "\n".join([log.strip(), f"health check: {check}" if check else ""]).strip()

    def failed_check(self, found: Service | None) -> tuple[str, str]:
        """When the last failed health check began, and what it printed; empty while all is well."""
        if found is None or found.health in {"", "healthy"}:
            return "", ""
        form = "{{json .State.Health.Log}}"
        checks = json.loads(docker.run(["inspect", "--format", form, found.container]))
        failed = [(one["Start"], one["Output"].strip()) for one in checks or () if one["ExitCode"]]
        return failed[-1] if failed else ("", "")


def _address(port: Port) -> str:
    host = "127.0.0.1" if port.host in _FROM_EVERYWHERE else port.host
    return f"http://{host}:{port.number}"
