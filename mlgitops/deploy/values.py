"""What runs on a host, and how it is to be replaced."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from mlgitops.core.stage import alias_of

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
class Occupant:
    """A version in a slot.

    Attributes:
        container: the container's id.
        image: the id of its image, `sha256:…`.
        version: as its image's label says.
        digest: of its payload, `sha256:…`, as the container says; empty if it does not.
        commit: that of models.yaml by which the stage got it, as the container says.
        registry: the address of the registry whose stage it was deployed for.
        started: ISO 8601, UTC.
        healthy: its health check passes.
        memory, cpus: its limits, as they were given.
        weight: its part of the traffic, relative to the other's; 0 gets none.
        requests: how many the proxy has sent to it.
        errors: how many of those it answered with 5xx, or not at all.
        busy: requests that it is answering now.
        up: the proxy reaches it.
    """

    slot: Slot
    container: str
    image: str
    version: str
    digest: str
    commit: str
    registry: str
    started: str
    healthy: bool
    memory: str
    cpus: str
    weight: int
    requests: int
    errors: int
    busy: int
    up: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """A model's stage on a host.

    Attributes:
        name: of its Compose project.
        url: where callers reach it.
        registry: the address of the registry that says what it serves.
        slots: those that hold a version, the one that serves most first.
    """

    name: str
    model: str
    stage: str
    url: str
    registry: str
    slots: tuple[Occupant, ...]

    @property
    def serving(self) -> Occupant | None:
        """The slot that serves; of two with equal weights, the one that was there first."""
        return self.slots[0] if self.slots else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Canary:
    """A trial on a part of the traffic.

    Attributes:
        share: of the requests, in per cent.
        seconds: how long.
        requests: how many it must get at least, to be judged.
        slower: how many times as long as the version that serves it may take.
    """

    share: int
    seconds: float
    requests: int = 50
    slower: float = 1.5


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployOptions:
    """What the person who deploys may choose; None keeps what the deployment has.

    Attributes:
        bind, port: where the proxy listens, once it is made.
        memory, cpus: limits of the model's container, as Docker writes them.
        registry: the address of the registry whose stage is deployed.
        commit: that of models.yaml by which the stage got its version; empty if none is known.
        canary: None moves all traffic at once.
        watch: seconds for which the new version is watched while the old one still could return.
    """

    bind: str | None = None
    port: int | None = None
    memory: str | None = None
    cpus: str | None = None
    registry: str = ""
    commit: str = ""
    canary: Canary | None = None
    watch: float = 5.0


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
