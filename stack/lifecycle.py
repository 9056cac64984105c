"""Start and stop the stack, and report what prevents it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlgitops.errors import DockerCommandError
from mlgitops.system import docker, waiting
from mlgitops.system.ports import refusal
from mlgitops.words import count
from stack import probes, secrets
from stack.errors import PortTakenError, ServiceFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stack.compose import Compose, Service

TIMEOUT = 900.0  # seconds; a machine with other work to do takes minutes
_POLL = 1.0  # seconds


def up(
    compose: Compose,
    *,
    build: bool = True,
    timeout: float = TIMEOUT,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Start what is not running and return when all of it has been proven to work.

    Raises:
        StackError: it does not; the class says why.
    """
    docker.require(compose=True)
    made = secrets.ensure(compose.settings.secrets, database_exists=compose.has_volume("db"))
    if made:
        say(f"created {count(len(made), 'secret')} in {compose.settings.secrets}")
    _check_ports(compose)
    if build:
        say("images: building the ones that have changed")
        compose.build(say)
    if compose.unchanged():
        say("services: already running")
    else:
        _start(compose, timeout=timeout, say=say)
    for name, probe in probes.ALL:
        probe(compose)
        say(f"{name}: works")


def down(compose: Compose, *, volumes: bool = False) -> None:
    """Stop and remove the containers; the volumes too if that is asked for."""
    docker.require(compose=True)
    # Compose reads the files of secrets even to remove what uses them
    secrets.ensure(compose.settings.secrets, database_exists=False)
    every = ("--profile", "*")
    compose.run(*every, "down", "--remove-orphans", *(["--volumes"] if volumes else []))


def _check_ports(compose: Compose) -> None:
    """Docker's own message names neither the service nor the setting."""
    running = {name for name, service in compose.services().items() if service.state == "running"}
    for port in compose.ports:
        if port.service not in running and refusal(port.host, port.number):
            raise PortTakenError(_taken(port.service, port.number))


def _taken(service: str, number: int) -> str:
    variable = f"STACK_{service.upper()}_PORT"
    return (
        f"{service}: port {number} is in use by another program; stop that program, or set "
        f"{variable} in stack/.env to a free port"
    )


def _start(compose: Compose, *, timeout: float, say: Callable[[str], None]) -> None:
    """Start everything, and report what happens until all of it is ready.

    `up --wait` gives up at the first service that is unhealthy, and starts nothing that depends on
    it. On a slow machine that service only needs longer: then it is waited for, and `up` goes on.
    """
    services = compose.services()
    before = {name: compose.failed_check(services.get(name))[0] for name in _DENIED}
    watch = _Watch(
        compose=compose, say=say, started=time.monotonic(), timeout=timeout, before=before
    )
    while (output := _attempt(watch)) is not None:
        if not watch.recovers():
            raise _failure(compose, watch.look(), output)


def _attempt(watch: _Watch) -> str | None:
    """Run `up`, which returns when everything is healthy; what it printed if not all of it is."""
    compose = watch.compose
    process = compose.start("up", "--detach", "--wait", "--wait-timeout", f"{watch.left:.0f}")

    def has_ended() -> bool:
        if process.poll() is not None:
            return True
        watch.hopeful()
        return False

    try:
        # Compose's own limit does not cover waiting for the migration
        waiting.until(has_ended, timeout=watch.left, every=_POLL)
    finally:
        process.terminate()
        output = process.communicate()[0]
    services = watch.look()
    ready = not process.returncode or _all_ready(compose, services)
    return None if ready else output


@dataclass(frozen=True, kw_only=True)
class _Watch:
    """What becomes of the services, told whenever one of them changes.

    Attributes:
        before: when the last health check began that had failed before, of services that may be
            denied something.
    """

    compose: Compose
    say: Callable[[str], None]
    started: float
    timeout: float
    before: Mapping[str, str]
    seen: dict[str, str] = field(default_factory=dict)

    @property
    def left(self) -> float:
        """Seconds; at least one, which Compose would take for no limit at all."""
        return max(1.0, self.started + self.timeout - time.monotonic())

    def look(self) -> dict[str, Service]:
        """The services as they are now."""
        services = self.compose.services()
        for name, service in sorted(services.items()):
            if self.seen.get(name) != str(service):
                self.seen[name] = str(service)
                self.say(f"{name}: {service} ({time.monotonic() - self.started:.0f} s)")
        return services

    def hopeful(self) -> dict[str, Service]:
        """The services as they are now, as long as waiting for them makes sense.

        Raises:
            ServiceFailedError: one of them is denied what it needs.
        """
        services = self.look()
        for name, denied in _DENIED.items():
            begun, said = self.compose.failed_check(services.get(name))
            # what was found before may have been put right since
            if begun != self.before[name] and (reason := denied(self.compose, said)):
                raise ServiceFailedError(name, reason, self.compose.last_lines(name, 5))
        return services

    def recovers(self) -> bool:
        """Whether what was slow, and nothing worse, is well again before the time is over."""
        services = self.look()

        def failed() -> bool:
            return any(service.failed for service in services.values())

        def well() -> bool:
            nonlocal services
            services = self.hopeful()
            return not _unhealthy(services)

        return (
            _unhealthy(services)
            and not failed()
            and waiting.until(well, timeout=self.left, every=_POLL, unless=failed)
            and not failed()
        )


def _unhealthy(services: Mapping[str, Service]) -> bool:
    return any(service.health == "unhealthy" for service in services.values())


def _database_denied(compose: Compose, said: str) -> str:
    """Why waiting for the database is of no use, where it is.

    Before its first start is complete, the database does not listen; what answers and denies the
    login will go on denying it.
    """
    if "Access denied" not in said:
        return ""
    return (
        "the database was created with a different password than the one in "
        f"{compose.settings.secrets / 'mysql_password'}; restore the original file, or remove the "
        "database with `nox -s down -- --volumes`"
    )


def _store_denied(compose: Compose, said: str) -> str:
    """Why waiting for the artifact server is of no use: an S3 store that refuses its keys."""
    if "refuses the keys" not in said:
        return ""
    return (
        f"the S3 store refuses the keys in {compose.settings.secrets / 's3_credentials'}; put "
        "the keys of the store that STACK_ARTIFACTS and STACK_S3_ENDPOINT name there, then run "
        "`nox -s down` and `nox -s up`"
    )


# service → why waiting for it is of no use, by what its health check says
_DENIED: dict[str, Callable[[Compose, str], str]] = {
    "db": _database_denied,
    "artifacts": _store_denied,
}


def _all_ready(compose: Compose, services: dict[str, Service]) -> bool:
    # `up --wait` calls it a failure when a one-shot service has ended, whatever its exit code
    wanted = set(compose.config["services"])
    return wanted <= set(services) and all(services[name].ready for name in wanted)


def _failure(
    compose: Compose, services: dict[str, Service], output: str
) -> PortTakenError | ServiceFailedError | DockerCommandError:
    """The service that failed first: the others only wait for it."""
    if found := re.search(
        r"(?:Bind for|listen tcp\d?) \S+?:(\d+)\S* .*(?:in use|allocated)", output
    ):
        number = int(found[1])
        taken = next((port.service for port in compose.ports if port.number == number), "docker")
        return PortTakenError(_taken(taken, number))
    first = [services[name] for name in ("db", "migrate") if name in services]
    for service in (*first, *services.values()):
        if service.failed:
            return ServiceFailedError(service.name, str(service), compose.last_lines(service.name))
    for service in services.values():
        if not service.ready:
            reason = f"not ready in time: {service}"
            return ServiceFailedError(service.name, reason, compose.last_lines(service.name))
    return DockerCommandError("docker compose up: " + "\n".join(output.strip().splitlines()[-5:]))
