"""A Dask cluster that speaks TLS alone, with the certificates that the manual makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dask import config

from harness import training
from harness.clusters import LocalCluster, cluster
from mlgitops.errors import ClusterError
from mlgitops.workers import cluster as workers
from mlgitops.workers.values import Parcel
from tests.workers import calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("dask")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and a certificate of a client and one of the cluster."""
    folder = tmp_path_factory.mktemp("certificates")
    training.certificates(folder)
    return folder


@pytest.fixture(scope="module")
def dask(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A scheduler and a worker."""
    with cluster(tmp_path_factory.mktemp("dask"), 1, certificates=certificates) as made:
        yield made


def connected(address: str, variables: dict[str, str]) -> workers.Cluster:
    """The cluster, of a process that has these variables."""
    known = {
        name.removeprefix("DASK_").lower().replace("__", "."): config.interpret_value(value)
        for name, value in variables.items()
    }
    with config.set(known):
        return workers.Cluster(address, Parcel(variables={}), lambda *_: None)


def test_work_is_done_over_tls(dask: LocalCluster, certificates: Path) -> None:
    """By a client that shows a certificate of the same authority."""
    assert dask.address.startswith("tls://")
    found = connected(dask.address, training.variables(certificates, "client"))
    try:
        found.submit("sum", calls.add, 1, 2)
        assert found.next().answer.value == 3
    finally:
        found.close()


@pytest.mark.parametrize("who", ["without a certificate", "of another authority", "without TLS"])
def test_nobody_else_connects(
    dask: LocalCluster,
    certificates: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    who: str,
) -> None:
    """One error that names the scheduler."""
    monkeypatch.setattr(workers, "_CONNECT", 3)
    training.certificates(tmp_path)
    # each trusts the cluster
    shown = {
        "without a certificate": training.variables(certificates),
        "of another authority": training.variables(tmp_path, "client")
        | training.variables(certificates),
        "without TLS": {},
    }
    address = dask.address.replace("tls://", "tcp://" if who == "without TLS" else "tls://")
    with pytest.raises(ClusterError, match=r"no Dask scheduler answers at t(ls|cp)://127"):
        connected(address, shown[who])
