"""The cluster that tests run on is real: it answers, and its rules hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.cluster import Cluster


def _pod(name: str, context: dict[str, Any]) -> str:
    """A pod of one container with a security context."""
    container = {"name": "main", "image": "scratch", "securityContext": context}
    spec = {"containers": [container], "automountServiceAccountToken": False}
    metadata = {"name": name}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def test_the_cluster_answers(cluster: Cluster) -> None:
    """It has a node that takes pods."""
    ready = [
        condition["status"]
        for node in cluster.read("nodes")["items"]
        for condition in node["status"]["conditions"]
        if condition["type"] == "Ready"
    ]
    assert "True" in ready


def test_a_namespace_refuses_a_privileged_pod(cluster: Cluster, namespace: str) -> None:
    """Pod Security `restricted` is enforced, and a pod that keeps to it is admitted."""
    create = ("create", f"--namespace={namespace}", "--filename=-")
    refused = cluster.kubectl(*create, stdin=_pod("privileged", {"privileged": True}))
    assert refused.returncode != 0
    assert 'violates PodSecurity "restricted' in refused.stderr
    kept: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    cluster.must(*create, stdin=_pod("restricted", kept))
    assert [pod["metadata"]["name"] for pod in cluster.read("pods", "-n", namespace)["items"]] == [
        "restricted"
    ]
