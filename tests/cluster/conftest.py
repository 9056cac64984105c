"""Tests on a real Kubernetes cluster: the one that is named for them, never a current context."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import pytest

from harness.cluster import Cluster, named, unusable
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Iterator


def _reason() -> str | None:
    """Why the tests are skipped; ends the run if that would be no success.

    A cluster that is expected, or named, must be usable.
    """
    cluster = named()
    reason = unusable(cluster)
    if reason and os.environ.get("MLGITOPS_EXPECT_CLUSTER") == "1":
        pytest.exit(f"MLGITOPS_EXPECT_CLUSTER=1, but {reason}", returncode=1)
    if reason and cluster:
        pytest.exit(reason, returncode=1)
    return reason


def pytest_configure(config: pytest.Config) -> None:
    """End a run of these tests alone before xdist starts workers, which could only crash."""
    if not hasattr(config, "workerinput"):
        _reason()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a named cluster: one reason to skip."""
    here = [item for item in items if "tests/cluster/" in item.path.as_posix()]
    reason = _reason() if here else None
    for item in here:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(420))
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster that the tests share, each in a namespace of its own."""
    found = named()
    assert found
    return found


@pytest.fixture(autouse=True)
def _named_for_everything(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for the current context gets the named cluster."""
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own, under the Pod Security level `restricted`."""
    with cluster.namespace() as name:
        yield name


@pytest.fixture(scope="module")
def images(cluster: Cluster) -> Iterator[str]:
    """A repository for images that no one else uses; what is left of it here is removed."""
    name = f"{cluster.registry}/mlgitops-test-{secrets.token_hex(4)}"
    yield name
    made = docker.run(["image", "ls", "--quiet", "--filter", f"reference={name}/*"]).split()
    if made:
        docker.run(["image", "rm", "--force", "--no-prune", *dict.fromkeys(made)])
