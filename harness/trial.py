"""The stack on a Kubernetes cluster, as its overlay `trial` makes it, in a namespace of a test."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.waiting import eventually
from mlgitops.system import docker
from stack import settings
from stack.compose import Compose

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.cluster import Cluster

ROOT = Path(__file__).resolve().parents[1]
MANUAL = ROOT / "docs/kubernetes-stack.md"
SERVERS = ("mlflow", "artifacts")
_IMAGES = {"mlgitops-mlflow": "mlflow", "mlgitops-db": "db", "mlgitops-s3": "s3"}
_WITH_S3 = {"COMPOSE_PROFILES": "s3", "STACK_ARTIFACTS": "s3://mlflow"}
_CLAIMS = {"data-db-0": 999, "data-s3-0": 10001}  # and whose they are
_NOT_PASSED_ON = ("MLFLOW_", "STACK_", "COMPOSE_", "MLGITOPS_", "GITHUB_")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One stack in a namespace.

    Attributes:
        folder: where its kustomization is, and, on a cluster without a StorageClass, its data.
    """

    cluster: Cluster
    namespace: str
    folder: Path
    _volumes: list[str] = field(default_factory=list)

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl on the namespace; it must succeed."""
        return self.cluster.must(f"--namespace={self.namespace}", *arguments)

    def read(self, *arguments: str) -> dict[str, Any]:
        """What `kubectl get` answers, as JSON."""
        return self.cluster.read(f"--namespace={self.namespace}", *arguments)

    def prepare(self) -> None:
        """Push the images, write the kustomization, and create the secrets as the manual does."""
        self._provide_volumes()
        trial = os.path.relpath(ROOT / "stack/kubernetes/trial", self.folder.resolve())
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": self.namespace,
            "resources": [trial],
            "images": _pushed(self.cluster.registry),
        }
        (self.folder / "kustomization.yaml").write_text(json.dumps(kustomization))
        (block,) = re.findall(
            r"```bash\n(kubectl create secret.*?)```", MANUAL.read_text(), re.DOTALL
        )
        commands = block.replace("-n mlflow", f"-n {self.namespace}")
        environment = os.environ | {"KUBECONFIG": str(self.cluster.kubeconfig)}
        subprocess.run(["bash", "-euc", commands], env=environment, check=True)

    def apply(self) -> None:
        """Apply the kustomization."""
        self.cluster.must("apply", f"--kustomize={self.folder}")

    @property
    def uri(self) -> str:
        """The tracking server as this machine sees it, at a port of the node."""
        (port,) = self.read("service", "mlflow")["spec"]["ports"]
        return f"http://127.0.0.1:{port['nodePort']}"

    def pods(self, *names: str) -> dict[str, bool]:
        """The running pods of these servers, and whether each is ready."""
        found = self.read("pods", f"--selector=app.kubernetes.io/name in ({','.join(names)})")
        return {pod["metadata"]["uid"]: _ready(pod) for pod in found["items"]}

    def mlgitops(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `mlgitops` against this stack."""
        mine = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_PASSED_ON)}
        return subprocess.run(
            [sys.executable, "-m", "mlgitops", *arguments],
            cwd=ROOT,
            env=mine | {"MLFLOW_TRACKING_URI": self.uri, "MLFLOW_DISABLE_TELEMETRY": "true"},
            capture_output=True,
            text=True,
            check=False,
        )

    def kill(self, pods: Iterable[str], *, within: float) -> None:
        """Kill pods without any grace, and wait until their successors are ready."""
        before = self.pods("mlflow", "artifacts", "db", "s3")
        names = [
            pod["metadata"]["name"]
            for pod in self.read("pods")["items"]
            if pod["metadata"]["uid"] in pods
        ]
        self.kubectl("delete", "pod", "--grace-period=0", "--force", "--wait=false", *names)

        def recovered() -> bool:
            now = self.pods("mlflow", "artifacts", "db", "s3")
            return len(now) == len(before) and all(now.values()) and not set(pods) & set(now)

        eventually(recovered, within=within)

    def close(self) -> None:
        """Remove what is in no namespace."""
        if self._volumes:
            self.cluster.must("delete", "persistentvolume", "--wait=false", *self._volumes)

    def _provide_volumes(self) -> None:
        """Folders of this machine, which is the node, where the cluster provides no volumes."""
        if self.cluster.read("storageclass")["items"]:
            return
        for claim, user in _CLAIMS.items():
            path = self.folder / claim
            path.mkdir()
            os.chown(path, user, user)
            name = f"{self.namespace}-{claim}"
            spec = {
                "capacity": {"storage": "10Gi"},
                "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": self.namespace, "name": claim},
                "hostPath": {"path": str(path), "type": "Directory"},
            }
            volume = {"apiVersion": "v1", "kind": "PersistentVolume"}
            self.cluster.create(volume | {"metadata": {"name": name}, "spec": spec})
            self._volumes.append(name)


def _ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", ())
    alive = "deletionTimestamp" not in pod["metadata"]
    return alive and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _pushed(registry: str) -> list[dict[str, str]]:
    """Build the stack's images under names in the registry, push them, and name their digests."""
    named = {
        f"STACK_{service.upper()}_IMAGE": f"{registry}/{name}:test"
        for name, service in _IMAGES.items()
    }
    compose = Compose(settings.read(dict(os.environ) | _WITH_S3 | named))
    compose.build()
    images = []
    for name, service in _IMAGES.items():
        image = named[f"STACK_{service.upper()}_IMAGE"]
        docker.run(["push", "--quiet", image])
        digest = docker.digest_in_registry(image)
        images.append({"name": name, "newName": f"{registry}/{name}", "digest": digest})
    return images
