"""Where stages are served: the deployments that models.yaml declares, as immutable values."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core.stage import alias_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlgitops.core.desired import Desired
    from mlgitops.errors import Where

MOST_REPLICAS = 16  # of a version on a Docker host: as many as its proxy has places for


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
class Rollout:
    """How a version takes the place of another.

    Attributes:
        start_timeout: seconds in which all its replicas have to be ready.
        watch: seconds for which it is watched while the old one still can return.
        canary: None moves all traffic at once; on Docker hosts only.
    """

    start_timeout: float = 180.0
    watch: float = 5.0
    canary: Canary | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Replicas:
    """How many containers run a version.

    Attributes:
        least, most: equal unless something else chooses between them by load.
        cpu: of what a replica asks for, the share in per cent at which there are to be more.
    """

    least: int = 1
    most: int = 1
    cpu: int = 70

    @property
    def fixed(self) -> bool:
        """Whether it is one number."""
        return self.least == self.most


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """What a replica may use.

    Attributes:
        cpu: thousandths of a core.
        memory: bytes.
        requested_cpu, requested_memory: what is kept free for it, where a scheduler asks; None
            for what such images were measured to need.
    """

    cpu: int = 1000
    memory: int = 2**30
    requested_cpu: int | None = None
    requested_memory: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerHosts:
    """Docker engines, one after the other.

    Attributes:
        hosts: as in DOCKER_HOST; empty for the one that the docker command speaks to.
        bind: the address that proxies listen on.
        keep_images: how many images of former versions stay on a host.
        tls_cert: a file with a certificate, its chain and its key, in PEM; relative to models.yaml.
        token_file: a file with the tokens of which callers must send one; the same.
    """

    hosts: tuple[str, ...] = ()
    bind: str = "127.0.0.1"
    keep_images: int = 1
    tls_cert: str | None = None
    token_file: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class KubernetesNamespace:
    """A namespace of a cluster.

    Attributes:
        context: of the kubeconfig; None for the service account of the pod that deploys.
    """

    namespace: str
    context: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A value in a YAML file of the team's own: its path from the root, keys joined by dots."""

    file: str
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """The object of Flux or Argo CD that applies a repository.

    Attributes:
        kind: `Kustomization` (Flux) or `Application` (Argo CD).
        context: of the kubeconfig by which it is read; None for the pod's service account.
    """

    kind: str
    name: str
    namespace: str
    context: str | None = None
    seconds: float = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class GitopsRepository:
    """A repository that Flux or Argo CD applies.

    Attributes:
        repository: as `git clone` takes it.
        branch: the one that the engine follows.
        path: the folder that a kustomization is written to, or that `field` is relative to.
        namespace: of the objects; None where the engine says it.
        pull_request: commit to a branch of its own and ask for a merge, instead of pushing.
        field: write the image's digest there and nothing else.
        engine: wait until it has applied the commit; None if it cannot be read from here.
    """

    repository: str
    branch: str = "main"
    path: str = "."
    namespace: str | None = None
    pull_request: bool = False
    field: Field | None = None
    engine: Engine | None = None


Place = DockerHosts | KubernetesNamespace | GitopsRepository


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredDeployment:
    """A named place where stages are served.

    Attributes:
        stages: those that it serves.
        models: those whose stages it serves; None for all that have one of them.
        ports: (model, alias) → the port at which it is reached from outside.
        environment: variables of the model's containers; no secrets.
    """

    name: str
    place: Place
    stages: tuple[str, ...]
    models: tuple[str, ...] | None = None
    ports: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    replicas: Replicas = field(default_factory=Replicas)
    resources: Resources = field(default_factory=Resources)
    rollout: Rollout = field(default_factory=Rollout)
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    where: Where = field(compare=False)

    def pairs(self, desired: Desired) -> Iterator[tuple[str, str]]:
        """What it serves: a model and a stage, in the order of the file."""
        aliases = {alias_of(stage) for stage in self.stages}
        for model in desired.models.values():
            if model.prompt or (self.models is not None and model.name not in self.models):
                continue
            yield from (
                (model.name, stage.name) for stage in model.stages if stage.alias in aliases
            )

    def port(self, model: str, stage: str) -> int | None:
        """The port at which a stage is reached from outside."""
        return self.ports.get((model, alias_of(stage)))
