"""What runs on a host, and how it is to be replaced."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core.stage import alias_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlgitops.core.deployments import Canary

_UNFIT = re.compile(r"[^a-z0-9_-]+")  # for the name of a Compose project


class Slot(StrEnum):
    """One of a deployment's two places for a version."""

    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> Slot:
        """The other one."""
        return Slot.GREEN if self is Slot.BLUE else Slot.BLUE


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What a deployment keeps until somebody chooses otherwise.

    Attributes:
        memory, cpus: limits of each of the model's containers, as Docker writes them.
        replicas: how many containers run the version.
        start_timeout: seconds in which they have to be ready.
        keep_images: how many images of former versions stay on the host.
    """

    memory: str = "1g"
    cpus: str = "1"
    replicas: int = 1
    start_timeout: int = 180
    keep_images: int = 1

    def chosen(self, options: DeployOptions) -> Settings:
        """These, with what somebody chose."""
        given = {one.name: getattr(options, one.name) for one in fields(self)}
        return replace(self, **{name: it for name, it in given.items() if it is not None})


@dataclass(frozen=True, kw_only=True, slots=True)
class Occupant:
    """A version in a slot; figures are sums over its containers.

    Attributes:
        containers: their ids.
        ready: how many of them pass their health check.
        image: the id of its image, `sha256:…`.
        version: as its image's label says.
        digest: of its payload, `sha256:…`, as the container says; empty if it does not.
        commit: that of models.yaml by which the stage got it, as the container says.
        registry: the address of the registry whose stage it was deployed for.
        started: when the first of them was, ISO 8601, UTC.
        settings: what it was started with.
        owner, declared: who manages it, and as which deployment; empty if nobody does.
        environment: the variables that models.yaml gives it.
        labels: of its containers, and so of its image.
        previous: the ids of the images that served before it, the newest first.
        weight: its part of the traffic, relative to the other's; 0 gets none.
        requests: how many the proxy has sent to it.
        errors: how many of those it answered with 5xx, or not at all.
        busy: requests that it is answering now.
        up: the proxy reaches it.
    """

    slot: Slot
    containers: tuple[str, ...]
    ready: int
    image: str
    version: str
    digest: str
    commit: str
    registry: str
    started: str
    weight: int
    requests: int
    errors: int
    busy: int
    up: bool
    settings: Settings = field(default_factory=Settings)
    previous: tuple[str, ...] = ()
    owner: str = ""
    declared: str = ""
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def container(self) -> str:
        """One of them."""
        return self.containers[0]

    @property
    def healthy(self) -> bool:
        """Whether all the containers that it should have are there and pass their checks."""
        return self.ready >= max(len(self.containers), self.settings.replicas)

    def differing(self, options: DeployOptions) -> Iterator[str]:
        """What is to be another, of how its containers are run, a line each."""
        chosen = self.settings.chosen(options)
        for name in ("memory", "cpus", "replicas"):
            now, then = getattr(self.settings, name), getattr(chosen, name)
            if now != then:
                yield f"{name}: {now} → {then}"
        names = sorted(
            name
            for name in {*self.environment, *options.environment}
            if self.environment.get(name) != options.environment.get(name)
        )
        if names:
            yield f"environment: other {', '.join(names)}"
        if options.owner and (self.owner, self.declared) != (options.owner, options.declared):
            yield f"owner: {self.owner or 'nobody'} → {options.owner}, as {options.declared}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """A model's stage on a host.

    Attributes:
        name: of its Compose project.
        url: where callers reach it.
        address: where its proxy listens, and what it asks for.
        registry: the address of the registry that says what it serves.
        slots: those that hold a version, the one that serves most first.
        owner, declared: who manages it, and as which deployment; empty if nobody does.
    """

    name: str
    model: str
    stage: str
    url: str
    registry: str
    slots: tuple[Occupant, ...]
    address: str = ""
    owner: str = ""
    declared: str = ""

    @property
    def serving(self) -> Occupant | None:
        """The slot that serves; of two with equal weights, the one that was there first."""
        return self.slots[0] if self.slots else None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployOptions:
    """What the person who deploys may choose; None keeps what the deployment has.

    Attributes:
        bind, port: where the proxy listens, once it is made.
        memory, cpus, replicas, start_timeout, keep_images: see `Settings`.
        tls_cert: a file with a certificate, its chain and its key, in PEM.
        token_file: a file with the tokens of which callers must send one, one a line.
        registry: the address of the registry whose stage is deployed.
        commit: that of models.yaml by which the stage got its version; empty if none is known.
        canary: None moves all traffic at once.
        watch: seconds for which the new version is watched while the old one still could return.
        owner, declared: who manages it, and as which deployment of models.yaml, which then says
            everything: what is None is not to be.
        environment: variables of the model's containers.
    """

    bind: str | None = None
    port: int | None = None
    memory: str | None = None
    cpus: str | None = None
    replicas: int | None = None
    start_timeout: int | None = None
    keep_images: int | None = None
    tls_cert: Path | None = None
    token_file: Path | None = None
    registry: str = ""
    commit: str = ""
    canary: Canary | None = None
    watch: float = 5.0
    owner: str = ""
    declared: str = ""
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def order(slots: list[Occupant]) -> tuple[Occupant, ...]:
    """The one that serves first: it has more weight, or was there before the other."""
    return tuple(sorted(slots, key=lambda one: (-one.weight, one.started)))


def name_of(model: str, stage: str) -> str:
    """The name of a deployment's Compose project; no two deployments share one.

    >>> name_of("wind", "Production")
    'mlgitops-wind_production'
    """
    parts = (model, alias_of(stage))
    name = "_".join(_UNFIT.sub("-", part.lower()) for part in parts)
    if name != "_".join(parts) or name.count("_") > 1:
        name += f"-{hashlib.sha256('/'.join(parts).encode()).hexdigest()[:8]}"
    return f"mlgitops-{name}"
