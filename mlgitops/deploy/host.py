"""What runs on the host that the docker command speaks to: DOCKER_HOST, or this machine."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlgitops.deploy.proxy import Counts, Proxy
from mlgitops.deploy.values import Deployment, DeployOptions, Occupant, Slot, name_of, order
from mlgitops.errors import DeployError, DockerCommandError
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMPOSE = Path(__file__).with_name("compose.yaml")
_DEPLOYMENT = "mlgitops.deployment"
_MODEL = "mlgitops.deploy.model"
_STAGE = "mlgitops.deploy.stage"
_REGISTRY = "mlgitops.deploy.registry"
_SERVICE = "com.docker.compose.service"
_TRIES = 5  # containers may end between being listed and being looked at
_PORT = 5001
_BIND = "127.0.0.1"
_READY_SECONDS = 180
_UNKNOWN = Counts(up=False, weight=0, requests=0, errors=0, busy=0)


def deployments() -> tuple[Deployment, ...]:
    """All deployments on the host, by name.

    Raises:
        DockerError: there is no Docker, or its engine does not answer.
    """
    docker.require(compose=True)
    found: dict[str, dict[str, Any]] = {}
    for container in _containers(_DEPLOYMENT):
        labels = container["Config"]["Labels"]
        found.setdefault(labels[_DEPLOYMENT], {})[labels[_SERVICE]] = container
    return tuple(_deployment(name, services) for name, services in sorted(found.items()))


def find_deployment(model: str, stage: str) -> Deployment | None:
    """The deployment of a stage; None if there is none here."""
    name = name_of(model, stage)
    services = {
        container["Config"]["Labels"][_SERVICE]: container
        for container in _containers(f"{_DEPLOYMENT}={name}")
    }
    return _deployment(name, services) if services else None


def start_proxy(model: str, stage: str, options: DeployOptions) -> None:
    """Have a proxy that listens; one that runs is left as it is.

    Raises:
        DeployError: it listens elsewhere than asked for.
        DockerError: the port is taken, or the image could not be built.
    """
    name = name_of(model, stage)
    environment = {
        "DEPLOYMENT_MODEL": model,
        "DEPLOYMENT_STAGE": stage,
        "DEPLOYMENT_REGISTRY": options.registry,
        "PROXY_BIND": options.bind or _BIND,
        "PROXY_PORT": str(options.port or _PORT),
        "PROXY_MARK": _mark(),
    }
    running = _containers(f"{_DEPLOYMENT}={name}", f"{_SERVICE}=proxy")
    if running:
        bind, port = _published(running[0])
        wanted = (options.bind or bind, options.port or port)
        if wanted != (bind, port):
            raise DeployError(
                f"{model} {stage} is already at {bind}:{port}; to move it to "
                f"{wanted[0]}:{wanted[1]}, remove it first with `mlgitops deploy --remove`"
            )
    _compose(
        name,
        "up",
        "--detach",
        "--wait",
        "--no-deps",
        "--no-recreate",
        "proxy",
        environment=environment,
    )


def proxy(name: str) -> Proxy:
    """A deployment's proxy.

    Raises:
        DeployError: it does not run.
    """
    found = _containers(f"{_DEPLOYMENT}={name}", f"{_SERVICE}=proxy")
    if not found or not found[0]["State"]["Running"]:
        raise DeployError(f"the proxy of {name} is not running; deploy again")
    return Proxy(found[0]["Id"])


def fill(
    name: str, slot: Slot, image: str, *, memory: str, cpus: str, registry: str, commit: str
) -> None:
    """Start an image in a slot, and wait until it is ready.

    It is not started again if it ends, until it is kept.

    Raises:
        DeployError: it ended by itself, or was not ready in time; with its last lines.
    """
    environment = {
        "SLOT_IMAGE": image,
        "SLOT_MEMORY": memory,
        "SLOT_CPUS": cpus,
        "SLOT_COMMIT": commit,
        "DEPLOYMENT_REGISTRY": registry,
    }
    wait = ("--wait", "--wait-timeout", str(_READY_SECONDS))
    arguments = ("--detach", "--no-deps", "--force-recreate", *wait, slot)
    try:
        _compose(name, "up", *arguments, environment=environment)
    except DockerCommandError as error:
        found = _containers(f"{_DEPLOYMENT}={name}", f"{_SERVICE}={slot}")
        said = docker.logs(found[0]["Id"], lines=20) if found else ""
        raise DeployError(f"{image} did not become ready: {error}\n{said}".strip()) from error


def containers(name: str, slot: Slot) -> tuple[str, ...]:
    """The ids of the containers in a deployment's slot that run."""
    found = _containers(f"{_DEPLOYMENT}={name}", f"{_SERVICE}={slot}")
    return tuple(container["Id"] for container in found if container["State"]["Running"])


def keep(occupant: Occupant) -> None:
    """Let the engine start a container again whenever it ends."""
    docker.run(["update", "--restart", "unless-stopped", occupant.container])


def clear(name: str, slot: Slot) -> None:
    """Stop what is in a slot, which has 40 s to answer what it has begun, and remove it."""
    _compose(name, "rm", "--stop", "--force", slot)


def remove(name: str) -> None:
    """Remove a deployment with all that it has on the host but its images."""
    _compose(name, "down", "--volumes", "--remove-orphans")


def _mark() -> str:
    """What tells one version of the proxy's image from another: its files."""
    found = hashlib.sha256()
    for path in sorted(_COMPOSE.with_name("proxy").iterdir()):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def _compose(name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    command = ["compose", "--project-name", name, "--file", str(_COMPOSE), *arguments]
    return docker.run(
        command, environment={**os.environ, "DEPLOYMENT": name, **(environment or {})}
    )


def _containers(*labels: str) -> list[dict[str, Any]]:
    """What Docker says of the containers that have some labels."""
    filters = [part for label in labels for part in ("--filter", f"label={label}")]
    for _ in range(_TRIES):
        identities = docker.run(["ps", "--all", "--quiet", "--no-trunc", *filters]).split()
        with suppress(DockerCommandError):
            found: list[dict[str, Any]] = json.loads(
                docker.run(["inspect", *identities]) if identities else "[]"
            )
            return found
    raise DeployError("cannot list the containers because they change too fast; try again")


def _deployment(name: str, services: Mapping[str, dict[str, Any]]) -> Deployment:
    front = services.get("proxy", {})
    counts: Mapping[Slot, Counts] = {}
    if front and front["State"]["Running"]:
        counts = Proxy(front["Id"]).counts()
    labels = front["Config"]["Labels"] if front else {}
    slots = [
        _occupant(slot, services[slot], counts.get(slot, _UNKNOWN))
        for slot in Slot
        if slot in services
    ]
    bind, port = _published(front) if front else (_BIND, 0)
    listed = order(slots)
    return Deployment(
        name=name,
        model=labels.get(_MODEL, ""),
        stage=labels.get(_STAGE, ""),
        url=f"http://{_address(bind)}:{port}" if port else "",
        registry=listed[0].registry if listed else labels.get(_REGISTRY, ""),
        slots=listed,
    )


def _occupant(slot: Slot, container: Mapping[str, Any], counts: Counts) -> Occupant:
    labels, state = container["Config"]["Labels"], container["State"]
    told = dict(line.split("=", 1) for line in container["Config"]["Env"])
    return Occupant(
        slot=slot,
        container=container["Id"],
        image=container["Image"],
        version=labels.get("mlgitops.version", ""),
        digest=told.get("SERVING_DIGEST", ""),
        commit=told.get("SERVING_COMMIT", ""),
        registry=labels.get(_REGISTRY, ""),
        started=state["StartedAt"],
        healthy=state["Running"] and state.get("Health", {}).get("Status") == "healthy",
        memory=labels.get("mlgitops.deploy.memory", ""),
        cpus=labels.get("mlgitops.deploy.cpus", ""),
        weight=counts.weight,
        requests=counts.requests,
        errors=counts.errors,
        busy=counts.busy,
        up=counts.up,
    )


def _published(container: Mapping[str, Any]) -> tuple[str, int]:
    binding = container["HostConfig"]["PortBindings"]["8080/tcp"][0]
    return binding["HostIp"], int(binding["HostPort"])


def _address(bind: str) -> str:
    """The host as it is reached from here."""
    elsewhere = urlsplit(os.environ.get("DOCKER_HOST", "")).hostname
    every = not bind or ipaddress.ip_address(bind).is_unspecified
    return (elsewhere or _BIND) if every else bind
