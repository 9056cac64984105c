"""The manifests of stack/kubernetes: their form, and what every pod of them keeps to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[1] / "stack/kubernetes"
OBJECTS: list[dict[str, Any]] = [
    document
    for path in sorted(FOLDER.glob("*/*.yaml"))
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
IMAGES = {"mlgitops-mlflow", "mlgitops-db", "mlgitops-s3", "mlgitops-worker"}
WORKLOADS = {o["metadata"]["name"]: o for o in OBJECTS if "template" in o.get("spec", {})}


def pod(name: str) -> dict[str, Any]:
    """What a workload makes pods of."""
    spec: dict[str, Any] = WORKLOADS[name]["spec"]["template"]["spec"]
    return spec


def named(kind: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind by their names."""
    return {o["metadata"]["name"]: o["spec"] for o in OBJECTS if o["kind"] == kind}


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_manifests_have_kubernetes_form(version: str) -> None:
    """Strictly, by the schemas of the oldest version that the manual names and of the newest."""
    assert len(OBJECTS) > 15
    for document in OBJECTS:
        kubernetes_validate.validate(document, version, strict=True)


def test_no_manifest_holds_a_secret() -> None:
    """Secrets are the user's: none is made, and none is in a variable."""
    assert not named("Secret")
    for kustomization in FOLDER.glob("*/kustomization.yaml"):
        assert "secretGenerator" not in yaml.safe_load(kustomization.read_text(encoding="utf-8"))
    for name in WORKLOADS:
        containers = pod(name)["containers"] + pod(name).get("initContainers", [])
        for variable in (v for c in containers for v in c.get("env", ())):
            reference = variable.get("valueFrom", {}).get("secretKeyRef", {})
            assert reference.get("key") in {None, "host", "port", "user"}
            assert "PASSWORD" not in variable["name"] or variable["name"].endswith("_FILE")


@pytest.mark.parametrize("name", sorted(WORKLOADS))
def test_every_pod_is_restricted(name: str) -> None:
    """No rights, no token, a root that nobody writes, and known limits."""
    spec = pod(name)
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["shareProcessNamespace"] is True
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"] + spec.get("initContainers", []):
        assert container["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"].keys() == {"requests", "limits"}
        # the name that the kustomization's `images:` replaces
        assert container["image"] in IMAGES
    for volume in spec["volumes"]:
        assert "emptyDir" not in volume or "sizeLimit" in volume["emptyDir"]


@pytest.mark.parametrize("name", ["mlflow", "artifacts"])
def test_servers_are_two_and_end_gracefully(name: str) -> None:
    """Nothing takes both away; requests that have begun have time to end."""
    workload = WORKLOADS[name]["spec"]
    assert workload["replicas"] == 2
    assert workload["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert named("PodDisruptionBudget")[name]["maxUnavailable"] == 1
    spread = {c["topologyKey"] for c in pod(name)["topologySpreadConstraints"]}
    assert spread == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    (container,) = pod(name)["containers"]
    assert container["lifecycle"]["preStop"]["sleep"]["seconds"] >= 5
    assert pod(name)["terminationGracePeriodSeconds"] >= 60
    assert container["readinessProbe"]["exec"] == container["startupProbe"]["exec"]
    assert "httpGet" in container["livenessProbe"]


def test_dask_encrypts_and_shows_no_pages() -> None:
    """Who connects shows a certificate: a scheduler runs the code of everybody who reaches it."""
    path = FOLDER / "dask/kustomization.yaml"
    (generated,) = yaml.safe_load(path.read_text(encoding="utf-8"))["configMapGenerator"]
    settings = dict(line.split("=", 1) for line in generated["literals"])
    assert settings["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] == "True"
    for role in ("SCHEDULER", "WORKER"):
        assert settings[f"DASK_DISTRIBUTED__{role}__HTTP__ROUTES"] == '["distributed.http.health"]'
        (container,) = pod(f"dask-{role.lower()}")["containers"]
        assert "--protocol=tls" in container["args"]
        assert container["envFrom"] == [{"configMapRef": {"name": generated["name"]}}]


def test_selectors_select() -> None:
    """Services, budgets and policies name labels that pods have; each pod has a policy."""
    labels = {
        name: o["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"]
        for name, o in WORKLOADS.items()
    }
    assert labels == {name: name for name in WORKLOADS}
    for name, service in named("Service").items():
        assert service["selector"] == {"app.kubernetes.io/name": name}
    for name, budget in named("PodDisruptionBudget").items():
        assert budget["selector"]["matchLabels"] == {"app.kubernetes.io/name": name}
    policies = named("NetworkPolicy")
    assert policies.keys() == WORKLOADS.keys()
    allowed = {
        name: {
            peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
            for rule in policy.get("ingress", ())
            for peer in rule.get("from", ())
        }
        for name, policy in policies.items()
    }
    assert allowed == {
        "artifacts": {"mlflow"},
        "dask-scheduler": {"dask-worker", "mlgitops-train"},
        "dask-worker": {"dask-scheduler", "dask-worker"},
        "db": {"mlflow", "migrate"},
        "migrate": set(),
        "mlflow": set(),
        "s3": {"artifacts"},
    }
