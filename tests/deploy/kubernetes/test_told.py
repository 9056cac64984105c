"""What kubectl says is told as the cause that it is, in the cluster's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.deploy.kubernetes.told import failure
from mlgitops.errors.deploying import (
    ClusterChangedError,
    ClusterConflictError,
    ClusterDeniedError,
    ClusterGoneError,
    ClusterRequestError,
    NoRoomError,
    PlaceUnreachableError,
    PolicyRefusedError,
)

if TYPE_CHECKING:
    from mlgitops.errors import MlgitopsError

# as kubectl 1.32 and a cluster of 1.37 say it
SAID = [
    (
        'Error from server (Forbidden): error when creating "STDIN": pods "a" is forbidden: '
        "exceeded quota: small, requested: limits.cpu=2, used: limits.cpu=1, limited: limits.cpu=2",
        NoRoomError,
        'pods "a" is forbidden: exceeded quota: small',
    ),
    (
        'Error from server (Forbidden): error when creating "STDIN": pods "a" is forbidden: '
        'violates PodSecurity "restricted:latest": runAsNonRoot != true',
        PolicyRefusedError,
        "violates PodSecurity",
    ),
    (
        "The deployments \"a\" is invalid: : ValidatingAdmissionPolicy 'p' with binding 'p' denied "
        "request: use the company's registry",
        PolicyRefusedError,
        "use the company's registry",
    ),
    (
        'Error from server (Forbidden): pods is forbidden: User "x" cannot list resource "pods" in '
        'API group "" in the namespace "n"',
        ClusterDeniedError,
        'User "x" cannot list resource "pods".*docs/kubernetes.md has the Role',
    ),
    (
        'E1127 05:49:42.320847   23045 memcache.go:265] "Unhandled Error" err="x"\n'
        "The connection to the server localhost:8080 was refused - did you specify the right host?",
        PlaceUnreachableError,
        "farm/models does not answer: The connection to the server localhost:8080 was refused",
    ),
    (
        'error: context "farm" does not exist',
        PlaceUnreachableError,
        'context "farm" does not exist',
    ),
    (
        'Error from server (AlreadyExists): error when creating "STDIN": leases "a" already exists',
        ClusterChangedError,
        'leases "a" already exists',
    ),
    ('Error from server (NotFound): pods "a" not found', ClusterGoneError, 'pods "a" not found'),
    (
        'The Service "a" is invalid: spec.ports[0].nodePort: Invalid value: 5001: provided port is '
        "not in the valid range",
        ClusterRequestError,
        "nodePort: Invalid value: 5001",
    ),
    ("", ClusterRequestError, "apply: it failed without a word"),
]


@pytest.mark.parametrize(("said", "kind", "words"), SAID)
def test_causes(said: str, kind: type[MlgitopsError], words: str) -> None:
    """Each has a class of its own."""
    found = failure("farm/models", "apply", said)
    assert type(found) is kind
    with pytest.raises(kind, match=words):
        raise found


def test_conflicts_name_each_field_and_who_set_it() -> None:
    """Of several managers, too."""
    found = failure(
        "farm/models",
        "apply",
        'error: Apply failed with 3 conflicts: conflicts with "kubectl-edit" using apps/v1:\n'
        "- .spec.replicas\n"
        "- .spec.paused\n"
        'conflict with "helm" using apps/v1: .spec.template.spec.containers[name="model"].image\n'
        "Please review the fields above--they currently have other managers.",
    )
    assert isinstance(found, ClusterConflictError)
    assert str(found) == (
        "kubectl-edit has set .spec.replicas; kubectl-edit has set .spec.paused; "
        'helm has set .spec.template.spec.containers[name="model"].image; '
        "set it back there, or have models.yaml say the same"
    )
