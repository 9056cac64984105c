"""Objects of a stage: which there are, what they allow, and that they are always the same."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from mlgitops.core.deployments import (
    DesiredDeployment,
    GitopsRepository,
    KubernetesNamespace,
    Replicas,
    Resources,
)
from mlgitops.deploy.kubernetes.objects import objects, resources
from mlgitops.deploy.values import Wanted
from mlgitops.errors import Where

IMAGE = f"registry.example/farm/wind@sha256:{'a' * 64}"
WANTED = Wanted(model="wind", stage="Production", version=3, commit="c" * 40)
FARM = DesiredDeployment(
    name="farm",
    place=KubernetesNamespace(namespace="models", context="farm"),
    stages=("Production",),
    where=Where(file="models.yaml", line=1, column=1),
)


def made(deployment: DesiredDeployment = FARM, wanted: Wanted = WANTED) -> dict[str, Any]:
    """The objects by kind."""
    found = objects(deployment, "github.com/acme/farm-models", wanted, image=IMAGE, digest="d")
    return {one["kind"]: one for one in found}


def test_the_same_input_gives_the_same_objects() -> None:
    """Also when the environment is listed in another order."""
    one = replace(FARM, environment=MappingProxyType({"A": "1", "B": "2"}))
    other = replace(FARM, environment=MappingProxyType({"B": "2", "A": "1"}))
    assert str(made(one)) == str(made(other))


def test_a_single_replica_has_no_budget_which_would_block_every_drain() -> None:
    """And no autoscaler, for its number is fixed."""
    assert list(made()) == ["Deployment", "Service", "NetworkPolicy"]
    assert made()["Deployment"]["spec"]["replicas"] == 1


def test_a_range_of_replicas_is_the_autoscalers() -> None:
    """The Deployment says no number, or each apply would set it back."""
    found = made(replace(FARM, replicas=Replicas(least=2, most=6, cpu=60)))
    assert "replicas" not in found["Deployment"]["spec"]
    spec = found["HorizontalPodAutoscaler"]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 6)
    assert spec["metrics"][0]["resource"]["target"]["averageUtilization"] == 60
    assert found["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1


def test_pods_are_restricted() -> None:
    """As Pod Security's level `restricted` asks, with a disk that is read only, and no token."""
    pod = made()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_probes_differ() -> None:
    """One for the start, one for requests, one for what is beyond help: the latest of all."""
    container = made()["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    start, ready, live = (
        container[f"{name}Probe"] for name in ("startup", "readiness", "liveness")
    )
    assert [one["httpGet"]["path"] for one in (start, ready, live)] == ["/ping", "/ping", "/live"]
    assert start["periodSeconds"] * start["failureThreshold"] == 180
    assert live["periodSeconds"] * live["failureThreshold"] >= 60 + 180


def test_a_pod_ends_within_its_grace() -> None:
    """Its sleep, its drain and some seconds."""
    pod = made()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    drain = next(one["value"] for one in container["env"] if one["name"] == "SERVING_DRAIN")
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert sleep + int(drain) < pod["terminationGracePeriodSeconds"]


def test_the_network_policy_lets_requests_in_and_nothing_out() -> None:
    """`Egress` is listed and has no rule."""
    spec = made()["NetworkPolicy"]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]
    assert "egress" not in spec


def test_a_port_is_a_port_of_every_node() -> None:
    """Without one, the Service is reached from inside only."""
    service = made(replace(FARM, ports=MappingProxyType({("wind", "production"): 30123})))
    assert service["Service"]["spec"]["type"] == "NodePort"
    assert service["Service"]["spec"]["ports"][0]["nodePort"] == 30123
    assert made()["Service"]["spec"]["type"] == "ClusterIP"


def test_a_repository_leaves_the_namespace_to_its_engine() -> None:
    """Where models.yaml names none."""
    place = GitopsRepository(repository="https://git.example/deploy")
    assert "namespace" not in made(replace(FARM, place=place))["Deployment"]["metadata"]


def test_selectors_never_change_with_the_version() -> None:
    """Kubernetes refuses to change them."""
    one, other = made(), made(wanted=replace(WANTED, version=4))
    for kind, path in (("Deployment", "selector"), ("Service", "selector")):
        assert one[kind]["spec"][path] == other[kind]["spec"][path]


@pytest.mark.parametrize(
    ("chosen", "requests"),
    [
        (Resources(), {"cpu": "250m", "memory": "192Mi"}),
        (Resources(cpu=100, memory=2**27), {"cpu": "100m", "memory": "128Mi"}),
        (Resources(cpu=4000), {"cpu": "250m", "memory": "576Mi"}),
        (Resources(requested_cpu=500, requested_memory=2**29), {"cpu": "500m", "memory": "512Mi"}),
    ],
)
def test_requests_are_what_was_measured_unless_chosen(
    chosen: Resources, requests: dict[str, str]
) -> None:
    """A process for each core holds the model; never more than the limit."""
    assert resources(chosen)["requests"] == requests
