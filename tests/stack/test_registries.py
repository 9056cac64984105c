"""On real servers, plain HTTP and MLflow's own client read the same and write the same."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from mlflow import MlflowClient

from harness import servers
from harness.filling import Filling
from mlgitops.errors.registry import RegistryRequestError
from mlgitops.registry.connect import connect
from tests.proxy import proxy
from tests.registry import both

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("registries")

_MLFLOW = {"3": servers.MLFLOW_3, "2": servers.MLFLOW_2}


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A server with a registry that has everything.

    Attributes:
        paged: its address through a proxy that makes pages small.
        database: the address of its database.
        current: whether it is of the MLflow that is installed here.
    """

    url: str
    paged: str
    database: str
    current: bool
    known: both.Known


@pytest.fixture(scope="module")
def mysql() -> Iterator[servers.Mysql]:
    """One MySQL for all of MLflow's servers."""
    with servers.mysql() as made:
        yield made


@pytest.fixture(
    scope="module",
    params=[
        # test_both_ways has one, too
        pytest.param(
            ("3", "sqlite"), id="3-sqlite", marks=[pytest.mark.no_docker, pytest.mark.thorough]
        ),
        pytest.param(("2", "sqlite"), id="2-sqlite", marks=pytest.mark.no_docker),
        pytest.param(("3", "mysql"), id="3-mysql", marks=pytest.mark.thorough),
        pytest.param(("2", "mysql"), id="2-mysql", marks=pytest.mark.thorough),
    ],
)
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Filled]:
    """Each kind of server, filled."""
    mlflow, database = request.param
    folder = tmp_path_factory.mktemp("registry")
    store = servers.sqlite(folder)
    if database == "mysql":
        store = request.getfixturevalue("mysql").database(f"mlflow{mlflow}")
    with ExitStack() as stack:
        url = stack.enter_context(servers.server(folder, python=_MLFLOW[mlflow], store=store))
        before = stack.enter_context(proxy(url))
        before.meddle = both.small_pages
        client = MlflowClient(url, url)
        filling = Filling(client=client, database=store, outputs=mlflow == "3")
        filling.everything()
        yield Filled(
            url=url,
            paged=before.url,
            database=store,
            current=mlflow == "3",
            known=both.known(client, filling.runs),
        )


@pytest.fixture(autouse=True)
def _same_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers keep artifacts in folders, and run on this machine."""
    monkeypatch.setenv("MLGITOPS_ARTIFACT_ROOT", "/")


def test_both_ways_read_the_same(filled: Filled, tmp_path: Path) -> None:
    """Every method of the reader, for everything that is there and much that is not."""
    both.check_reads(filled.paged, filled.known, tmp_path)


def test_what_is_read_over_http_is_so(filled: Filled) -> None:
    """Models, versions and runs as MLflow's public client says them, asked one by one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        both.check_truth(filled.paged, filled.known)


def test_both_ways_record_the_same(filled: Filled) -> None:
    """Runs of records: their parameters, more than a batch has, cannot be changed."""
    both.check_records(filled.url, filled.known)


def test_both_ways_write_the_same(filled: Filled) -> None:
    """Stamps, aliases and classic stages, with what a registry refuses, step by step."""
    both.check_writes(filled.url, filled.known)
    both.check_locks(filled.url)


def test_a_workspace_is_refused_where_there_are_none(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow 2 takes no notice of it, and would answer for the models of all."""
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
    for registry in (both.over_http(filled.url), both.over_client(filled.url)):
        with pytest.raises(RegistryRequestError):
            registry.held()


def test_the_database_itself_is_the_same_registry(filled: Filled) -> None:
    """Opened without the server; one of MLflow 2 is refused, and left to its server as it is."""
    server = both.over_http(filled.url)
    if not filled.current:
        with pytest.raises(RegistryRequestError, match="was made by an older MLflow"):
            connect(filled.database)
        assert server.held().models
        return
    direct = connect(filled.database)
    assert direct.held().models == server.held().models
    for name, numbers in filled.known.versions.items():
        assert direct.recipes(name) == server.recipes(name)
        for number in numbers:
            assert direct.version(name, number) == server.version(name, number)
