"""What runs on the host that the docker command speaks to: DOCKER_HOST, or this machine."""

from __future__ import annotations

import json
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mlgitops.deploy import failures
from mlgitops.deploy.docker import engine
from mlgitops.deploy.docker.front import front_of, proxy_in, shown
from mlgitops.deploy.docker.proxy import Counts
from mlgitops.deploy.docker.values import Deployment, Occupant, Settings, Slot, name_of, order
from mlgitops.errors import DockerCommandError
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlgitops.errors import MlgitopsError

_NOTHING = Counts()


def deployments() -> tuple[Deployment, ...]:
    """All deployments on the host, by name.

    Raises:
        DockerError: there is no Docker, or its engine does not answer.
    """
    docker.require(compose=True)
    found: dict[str, list[dict[str, Any]]] = {}
    for container in engine.containers(engine.DEPLOYMENT):
        found.setdefault(container["Config"]["Labels"][engine.DEPLOYMENT], []).append(container)
    return tuple(_deployment(name, containers) for name, containers in sorted(found.items()))


def find_deployment(model: str, stage: str) -> Deployment | None:
    """The deployment of a stage; None if there is none here."""
    name = name_of(model, stage)
    containers = engine.containers(f"{engine.DEPLOYMENT}={name}")
    return _deployment(name, containers) if containers else None


def fill(
    found: Deployment,
    slot: Slot,
    image: str,
    *,
    settings: Settings,
    registry: str,
    commit: str = "",
    previous: Sequence[str] = (),
    owner: str = "",
    declared: str = "",
    variables: Mapping[str, str] | None = None,
) -> None:
    """Start an image in a slot, and wait until all its containers are ready.

    They are not started again if they end, until they are kept.

    Raises:
        DeployError: one ended by itself, or was not ready in time; with its last lines.
        DockerCommandError: the engine does not make or start them, and says why.
    """
    front = front_of(engine.containers(f"{engine.DEPLOYMENT}={found.name}"))
    environment = {
        "SLOT_IMAGE": image,
        "SLOT_COMMIT": commit,
        "SLOT_MEMORY": settings.memory,
        "SLOT_CPUS": settings.cpus,
        "SLOT_REPLICAS": str(settings.replicas),
        "SLOT_START_TIMEOUT": str(settings.start_timeout),
        "SLOT_KEEP_IMAGES": str(settings.keep_images),
        "SLOT_PREVIOUS": " ".join(previous),
        "DEPLOYMENT_MODEL": found.model,
        "DEPLOYMENT_STAGE": found.stage,
        "DEPLOYMENT_REGISTRY": registry,
        "DEPLOYMENT_OWNER": owner,
        "DEPLOYMENT_DECLARED": declared,
        **(front.environment if front else {}),
    }
    wait = ("--wait", "--wait-timeout", str(settings.start_timeout))
    scale = ("--scale", f"{slot}={settings.replicas}")
    arguments = ("--detach", "--no-deps", "--force-recreate", *scale, *wait, slot)
    given = dict(variables or {})
    more = {slot.value: {"environment": given, "labels": {engine.VARIABLES: json.dumps(given)}}}
    try:
        engine.compose(
            found.name, "up", *arguments, environment=environment, services=more if given else None
        )
    except DockerCommandError as error:
        if failure := _failure(engine.service(found.name, slot), settings):
            raise failure from error
        raise


def containers(name: str, slot: Slot) -> tuple[str, ...]:
    """The ids of the containers in a deployment's slot that run."""
    found = engine.service(name, slot)
    return tuple(container["Id"] for container in found if container["State"]["Running"])


def keep(occupant: Occupant) -> None:
    """Let the engine start containers again whenever they end."""
    docker.run(["update", "--restart", "always", *occupant.containers])


def clear(name: str, slot: Slot) -> None:
    """Stop what is in a slot, which has 40 s to answer what it has begun, and remove it."""
    engine.compose(name, "rm", "--stop", "--force", slot)


def remove(name: str) -> None:
    """Remove a deployment with all that it has on the host but its images."""
    engine.compose(name, "down", "--volumes", "--remove-orphans")


def prune(images: Sequence[str]) -> None:
    """Remove images that served once, but for those that a deployment has or may go back to."""
    needed = {
        identity
        for one in (deployments() if images else ())
        for slot in one.slots
        for identity in (slot.image, *slot.previous[: slot.settings.keep_images])
    }
    for image in images:
        used = docker.run(["ps", "--all", "--quiet", "--filter", f"ancestor={image}"])
        if image not in needed and not used:
            with suppress(DockerCommandError):  # somebody removed it, or uses it since
                docker.run(["image", "rm", "--force", image])


def _failure(containers: Sequence[Mapping[str, Any]], settings: Settings) -> MlgitopsError | None:
    """Why the containers of a slot are not ready, by what the engine says of them; if it does."""
    log = _last_words(containers)
    states = [one["State"] for one in containers]
    if any(state.get("OOMKilled") for state in states):
        limit = f"a container was killed at its limit of {settings.memory} of memory"
        return failures.no_room(limit)
    if ended := [state for state in states if state["Status"] in ("exited", "dead")]:
        return failures.crashing(1, log, why=f"exit code {ended[0]['ExitCode']}")
    if any(state["Running"] for state in states):
        return failures.not_ready(settings.start_timeout, log)
    return None


def _last_words(containers: Sequence[Mapping[str, Any]]) -> str:
    """The last lines of the container that did worst."""
    worst = sorted(containers, key=_is_ready)[:1]
    return "".join(docker.logs(one["Id"], lines=20) for one in worst).strip()


def _deployment(name: str, containers: Sequence[Mapping[str, Any]]) -> Deployment:
    services: dict[str, list[Mapping[str, Any]]] = {}
    for one in containers:
        services.setdefault(one["Config"]["Labels"][engine.SERVICE], []).append(one)
    counts: Mapping[Slot, Counts] = {}
    for one in services.get("proxy", ()):
        # a proxy that does not answer says nothing of what runs behind it
        with suppress(DockerCommandError):
            counts = proxy_in(one).counts() if one["State"]["Running"] else {}
    slots = [
        _occupant(slot, services[slot], counts.get(slot, _NOTHING))
        for slot in Slot
        if slot in services
    ]
    front, first = front_of(containers), services.get("proxy", containers)[0]
    listed = order(slots)
    return Deployment(
        name=name,
        model=engine.kept(first, "model"),
        stage=engine.kept(first, "stage"),
        url=front.url if front else "",
        address=shown(front) if front else "",
        owner=_first(containers, "owner"),
        declared=_first(containers, "deployment"),
        registry=listed[0].registry if listed else engine.kept(first, "registry"),
        slots=listed,
    )


def _first(containers: Sequence[Mapping[str, Any]], name: str) -> str:
    """What one of a deployment's containers remembers; those of slots are the newest."""
    slots = sorted(containers, key=lambda one: one["Config"]["Labels"][engine.SERVICE] == "proxy")
    return next((found for one in slots if (found := engine.kept(one, name))), "")


def _occupant(slot: Slot, containers: Sequence[Mapping[str, Any]], counts: Counts) -> Occupant:
    one = containers[0]
    told = dict(line.split("=", 1) for line in one["Config"]["Env"])
    return Occupant(
        slot=slot,
        containers=tuple(each["Id"] for each in containers),
        ready=sum(map(_is_ready, containers)),
        image=one["Image"],
        version=one["Config"]["Labels"].get("mlgitops.version", ""),
        digest=told.get("SERVING_DIGEST", ""),
        commit=told.get("SERVING_COMMIT", ""),
        registry=engine.kept(one, "registry"),
        started=min(each["State"]["StartedAt"] for each in containers),
        settings=_settings(one),
        previous=tuple(engine.kept(one, "previous").split()),
        owner=engine.kept(one, "owner"),
        declared=engine.kept(one, "deployment"),
        environment=MappingProxyType(
            json.loads(one["Config"]["Labels"].get(engine.VARIABLES) or "{}")
        ),
        labels=MappingProxyType(one["Config"]["Labels"]),
        weight=counts.weight,
        requests=counts.requests,
        errors=counts.errors,
        busy=counts.busy,
        up=counts.up,
    )


def _is_ready(container: Mapping[str, Any]) -> bool:
    state = container["State"]
    return bool(state["Running"] and state.get("Health", {}).get("Status") == "healthy")


def _settings(container: Mapping[str, Any]) -> Settings:
    def number(name: str, default: int) -> int:
        return int(engine.kept(container, name) or default)

    usual = Settings()
    return Settings(
        memory=engine.kept(container, "memory"),
        cpus=engine.kept(container, "cpus"),
        replicas=number("replicas", usual.replicas),
        start_timeout=number("start-timeout", usual.start_timeout),
        keep_images=number("keep-images", usual.keep_images),
    )
