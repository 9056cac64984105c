"""A deployment in a namespace of a real cluster, and images for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness.calling import callers
from harness.cluster import Cluster, node_port
from mlgitops.core.deployments import (
    DesiredDeployment,
    KubernetesNamespace,
    Replicas,
    Resources,
    Rollout,
)
from mlgitops.deploy.kubernetes import lock, names, reading
from mlgitops.deploy.kubernetes.client import Namespace
from mlgitops.deploy.kubernetes.objects import objects
from mlgitops.deploy.kubernetes.replace import Replacement
from mlgitops.deploy.values import Wanted
from mlgitops.errors import Where
from mlgitops.system import docker

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mlgitops.serve.load_test import Load

WIND, STAGE, OWNER = "power-forecasting-model", "Production", "github.com/acme/farm-models"
NAME = names.name_of(WIND, STAGE)
RECORD = {
    f"{name}_{hour}": 5.0
    for hour in ("00", "08", "16")
    for name in ("temperature", "wind_direction", "wind_speed")
}
BODY = json.dumps([RECORD]).encode()


@dataclass(frozen=True, kw_only=True)
class Place:
    """A stage in a namespace, reached at a port of 127.0.0.1.

    Attributes:
        context: of the kubeconfig that the tests set.
    """

    cluster: Cluster
    namespace: str
    context: str
    port: int = field(default_factory=node_port)

    @property
    def url(self) -> str:
        """Where callers reach it."""
        return f"http://127.0.0.1:{self.port}"

    def declared(
        self,
        *,
        replicas: Replicas | None = None,
        resources: Resources | None = None,
        rollout: Rollout | None = None,
    ) -> DesiredDeployment:
        """The deployment, as models.yaml would declare it."""
        return DesiredDeployment(
            name="farm",
            place=KubernetesNamespace(namespace=self.namespace, context=self.context),
            stages=(STAGE,),
            ports=MappingProxyType({(WIND, STAGE.lower()): self.port}),
            replicas=replicas or Replicas(),
            resources=resources or Resources(requested_cpu=200),
            rollout=rollout or Rollout(start_timeout=240.0, watch=2.0),
            where=Where(file="models.yaml", line=1, column=1),
        )

    def serve(
        self, image: str, version: int, *, context: str | None = None, **chosen: Any
    ) -> list[str]:
        """Serve an image as a version; what was said of it."""
        said: list[str] = []
        one = self.declared(**chosen)
        wanted = Wanted(model=WIND, stage=STAGE, version=version, commit=f"{version:040x}")
        rendered = objects(one, OWNER, wanted, image=image, digest=f"sha256:{version:064x}")
        place = KubernetesNamespace(namespace=self.namespace, context=context or self.context)
        namespace = Namespace(place)
        name = lock.name_of(OWNER, one.name)
        with lock.held(namespace, name, OWNER, said.append) as lost:
            found = reading.read(namespace).get(NAME)
            replacement = Replacement(namespace, found, one.rollout, lost=lost, say=said.append)
            replacement.run(rendered)
        return said

    def deployment(self) -> dict[str, Any]:
        """The Deployment, as it stands."""
        where = (f"--namespace={self.namespace}", "--show-managed-fields")
        return self.cluster.read(*where, f"deployment/{NAME}")

    def version(self) -> str:
        """The version that the Deployment says it serves, all of its pods being of it."""
        found = self.deployment()
        assert reading.rolled_out(found), found["status"]
        return names.label(found, names.VERSION)

    def names(self, kind: str) -> list[str]:
        """What there is of a kind."""
        listed = self.cluster.read(f"--namespace={self.namespace}", kind)["items"]
        return [one["metadata"]["name"] for one in listed]

    def callers(self, *bodies: bytes) -> AbstractContextManager[list[Load]]:
        """Two callers for each body, who ask again and again; the list has what they got."""
        return callers(self.url, *(bodies or (BODY,)), connections=2)


def pushed(image: str, folder: Path, tag: str, *lines: str) -> str:
    """An image with other lines in its Dockerfile, pushed: its reference by digest."""
    (folder / "Dockerfile").write_text("\n".join([f"FROM {image}", *lines, ""]))
    docker.run(["build", "--quiet", "--tag", tag, str(folder)])
    docker.run(["push", "--quiet", tag])
    try:
        return f"{tag.rpartition(':')[0]}@{docker.digest_in_registry(tag)}"
    finally:
        docker.run(["image", "rm", "--no-prune", tag])
