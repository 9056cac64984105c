"""Training and scoring on the Dask cluster of stack/kubernetes/dask, while a worker's pod goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from mlflow import MlflowClient

from harness import training
from harness.waiting import eventually
from mlgitops.system import docker
from mlgitops.system.ports import LOOPBACK, free_port
from mlgitops.system.processes import started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.cluster import Cluster

pytestmark = [
    pytest.mark.xdist_group("dask-on-kubernetes"),
    pytest.mark.timeout(1800),
    pytest.mark.thorough,
]

START = 600.0  # seconds; a busy node unpacks an image of a gigabyte


@dataclass(frozen=True, kw_only=True)
class Place:
    """A namespace with a registry and a Dask cluster."""

    cluster: Cluster
    namespace: str
    folder: Path
    image: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl on the namespace; it must succeed."""
        return self.cluster.must(f"--namespace={self.namespace}", *arguments, stdin=stdin)

    def prepare(self) -> None:
        """Apply everything, as the manual does."""
        training.certificates(self.folder)
        commands = training.blocks("bash")[1].replace("-n training", f"-n {self.namespace}")
        subprocess.run(
            ["bash", "-euc", commands],
            cwd=self.folder,
            env=os.environ | {"KUBECONFIG": str(self.cluster.kubeconfig)},
            check=True,
        )
        (self.folder / "models.yaml").write_text(training.MODELS)
        (self.folder / "slow.py").write_text(training.RECIPE)
        files = (f"--from-file={self.folder / name}" for name in ("models.yaml", "slow.py"))
        self.kubectl("create", "configmap", "checkout", *files)
        for one in self._registry():
            self.cluster.create(one, namespace=self.namespace)
        name, _, digest = self.image.partition("@")
        manifests = os.path.relpath(training.ROOT / "stack/kubernetes/dask", self.folder.resolve())
        kustomization = {
            **yaml.safe_load(training.blocks("yaml")[0]),
            "namespace": self.namespace,
            "resources": [manifests],
            "images": [{"name": "mlgitops-worker", "newName": name, "digest": digest}],
            "replicas": [{"name": "dask-worker", "count": 2}],
            # more pods fit on a small node
            "patches": [
                {
                    "target": {"kind": "Deployment", "name": "dask-worker"},
                    "patch": json.dumps(
                        [
                            {
                                "op": "replace",
                                "path": "/spec/template/spec/containers/0/resources/requests/cpu",
                                "value": "100m",
                            }
                        ]
                    ),
                }
            ],
        }
        (self.folder / "kustomization.yaml").write_text(json.dumps(kustomization))
        self.kubectl("apply", f"--kustomize={self.folder}")
        for name in ("mlflow", "dask-scheduler", "dask-worker"):
            self.kubectl("rollout", "status", f"deployment/{name}", f"--timeout={START:.0f}s")

    def _registry(self) -> Iterator[dict[str, Any]]:
        """MLflow's server, as a pod of the cluster's has to be."""
        spec = self._job()["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        container |= {
            "name": "mlflow",
            "args": [
                *("mlflow", "server", "--host=0.0.0.0", "--port=5000", "--workers=1"),
                *("--allowed-hosts=*", "--serve-artifacts"),
                "--backend-store-uri=sqlite:////tmp/mlflow.db",
                "--artifacts-destination=/tmp/artifacts",
            ],
            "workingDir": "/tmp",  # noqa: S108 - in the pod
            "env": [
                {"name": "MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "value": "false"},
            ],
            "volumeMounts": [one for one in container["volumeMounts"] if one["name"] == "tmp"],
            "readinessProbe": {
                "httpGet": {"path": "/health", "port": 5000},
                "timeoutSeconds": 30,
            },
        }
        spec["volumes"] = [one for one in spec["volumes"] if one["name"] == "tmp"]
        spec["restartPolicy"] = "Always"
        labels = {"app.kubernetes.io/name": "mlflow"}
        yield {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "mlflow"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        }
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "mlflow"},
            "spec": {"selector": labels, "ports": [{"port": 5000}]},
        }

    def train(self) -> None:
        """Begin `mlgitops train` by the Job of the manual."""
        job = self._job()
        spec = job["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        # each file by itself: a whole map is mounted as links, which are not sent to workers
        mounted = {"models.yaml": "models.yaml", "slow.py": "slowly/slow.py"}
        container["volumeMounts"] = [
            one for one in container["volumeMounts"] if one["name"] != "checkout"
        ] + [
            {"name": "checkout", "mountPath": f"/checkout/{path}", "subPath": name}
            for name, path in mounted.items()
        ]
        (volume,) = (one for one in spec["volumes"] if one["name"] == "checkout")
        del volume["persistentVolumeClaim"]
        volume["configMap"] = {"name": "checkout"}
        self.cluster.create(job, namespace=self.namespace)

    def _job(self) -> dict[str, Any]:
        job: dict[str, Any] = yaml.safe_load(training.blocks("yaml")[1])
        job["metadata"]["namespace"] = self.namespace
        (container,) = job["spec"]["template"]["spec"]["containers"]
        container["image"] = self.image
        return job

    def said(self) -> str:
        """What the Job has printed."""
        return self.cluster.kubectl(f"--namespace={self.namespace}", "logs", "job/train").stdout

    def ended(self) -> bool:
        """Whether the Job is done, well or not."""
        status = self.cluster.read(f"--namespace={self.namespace}", "job", "train")["status"]
        return bool(status.get("succeeded") or status.get("failed"))

    @contextmanager
    def forwarded(self, service: str, port: int) -> Iterator[str]:
        """A Service at a port of this machine, until the block ends; yields `HOST:PORT`."""
        own, log = free_port(), self.folder / f"forward-{service}.log"
        command = ("kubectl", f"--kubeconfig={self.cluster.kubeconfig}", "port-forward")
        where = (f"--namespace={self.namespace}", f"service/{service}", f"{own}:{port}")
        with started([*command, *where], log):
            eventually(lambda: "Forwarding from" in log.read_text(), within=60)
            yield f"{LOOPBACK}:{own}"


@pytest.fixture(scope="module")
def place(
    cluster: Cluster, images: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A Dask cluster that has just been applied to an empty namespace."""
    image = f"{images}/worker:test"
    training.build(image)
    docker.run(["push", "--quiet", image])
    pinned = f"{image.rpartition(':')[0]}@{docker.digest_in_registry(image)}"
    with cluster.namespace() as namespace:
        made = Place(
            cluster=cluster,
            namespace=namespace,
            folder=tmp_path_factory.mktemp("dask"),
            image=pinned,
        )
        made.prepare()
        yield made


def test_a_deleted_worker_changes_no_number(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version that it was training is trained by another one; no run stays open."""
    # kubectl keeps a connection open here that the server has closed there
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    place.train()
    with place.forwarded("mlflow", 5000) as address:
        client = MlflowClient(f"http://{address}")
        eventually(lambda: place.ended() or bool(training.waiting(client)), within=START)
        pod = training.waiting(client)
        assert pod, place.said()
        place.kubectl("delete", "pod", pod, "--wait=false")
        eventually(lambda: place.ended() or training.waiting(client) not in {"", pod}, within=START)
        # it has time to end what it does; so long as it is there, it could end it well
        there = (f"--namespace={place.namespace}", "get", f"pod/{pod}")
        eventually(lambda: place.cluster.kubectl(*there).returncode != 0, within=START)
        training.go(client)
        eventually(place.ended, within=START)
        training.check(client, lost=pod, said=place.said())


def test_versions_answer_in_pods_as_they_do_here(place: Place, tmp_path: Path) -> None:
    """Both of a pair; the workers get no variable and no code of the recipe's."""
    (tmp_path / "slowly").mkdir()
    (tmp_path / "slowly" / "slow.py").write_text(training.RECIPE)
    with (
        place.forwarded("mlflow", 5000) as registry,
        place.forwarded("dask-scheduler", 8786) as scheduler,
    ):
        environment = {
            **training.variables(place.folder, "client"),
            "MLFLOW_TRACKING_URI": f"http://{registry}",
        }
        training.score(tmp_path, f"tls://{scheduler}", environment)


def test_nobody_connects_without_a_certificate(place: Place, tmp_path: Path) -> None:
    """From outside, the manual's client does; one of another authority or without TLS does not."""
    (tmp_path / "ours").mkdir()
    training.certificates(tmp_path / "ours")
    code = "import sys; from distributed import Client; Client(sys.argv[1], timeout=20).close()"
    with place.forwarded("dask-scheduler", 8786) as address:

        def connects(scheme: str, folder: Path | None) -> bool:
            ran = subprocess.run(
                [sys.executable, "-c", code, f"{scheme}://{address}"],
                env=os.environ | (training.variables(folder, "client") if folder else {}),
                capture_output=True,
                check=False,
            )
            return ran.returncode == 0

        assert connects("tls", place.folder)
        assert not connects("tls", tmp_path / "ours")
        assert not connects("tcp", None)


def test_applying_again_changes_nothing(place: Place) -> None:
    """The manifests say what they mean: Kubernetes adds nothing that the next apply would undo."""
    compared = place.cluster.kubectl("diff", f"--kustomize={place.folder}")
    assert (compared.returncode, compared.stdout) == (0, "")
