"""How a Deployment stands, and how it differs from what is to be there."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from mlgitops.deploy.kubernetes.reading import Found, differences, rolled_out, standing
from mlgitops.deploy.values import State
from tests.deploy.kubernetes.test_objects import made

WHOLE = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}


def deployment(**status: int) -> dict[str, Any]:
    """A Deployment of two replicas with this status."""
    return {
        "metadata": {"name": "a", "generation": 2},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 2, **WHOLE, **status},
    }


@pytest.mark.parametrize(
    ("status", "state", "done"),
    [
        ({}, State.SERVING, True),
        ({"observedGeneration": 1}, State.REPLACING, False),
        ({"replicas": 3}, State.REPLACING, False),
        ({"readyReplicas": 1, "availableReplicas": 1}, State.DEGRADED, False),
        ({"readyReplicas": 0, "availableReplicas": 0}, State.DOWN, False),
    ],
)
def test_how_a_deployment_stands(status: dict[str, int], state: State, done: bool) -> None:
    """By what its controller says."""
    found = deployment(**status)
    assert standing(found)[0] is state
    assert rolled_out(found) is done


def test_what_is_there_and_as_wanted_is_no_difference() -> None:
    """Also with what the cluster and others have added."""
    there = deepcopy(made())
    there["Deployment"]["spec"]["template"]["spec"]["dnsPolicy"] = "ClusterFirst"
    there["Deployment"]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "3"
    found = Found(name="wind-production", objects=there)
    assert list(differences(made().values(), found)) == []


def test_what_differs_is_told_as_people_name_it() -> None:
    """Replicas, resources, objects that are missing or too many."""
    there = deepcopy(made())
    there["Deployment"]["spec"]["replicas"] = 4
    container = there["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    container["resources"]["limits"]["memory"] = "2Gi"
    del there["NetworkPolicy"]
    budget = {"metadata": {"labels": {"app.kubernetes.io/managed-by": "mlgitops"}}}
    found = Found(name="wind-production", objects={**there, "PodDisruptionBudget": budget})
    assert list(differences(made().values(), found)) == [
        "replicas: 4 → 1",
        "resources.limits.memory: 2Gi → 1Gi",
        "NetworkPolicy: new",
        "PodDisruptionBudget: removed",
    ]
