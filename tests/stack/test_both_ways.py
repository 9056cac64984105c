"""Plain HTTP and MLflow's client are one registry, in pages that the server makes small."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
from mlflow import MlflowClient

from harness.filling import Filling
from tests.proxy import proxy
from tests.registry import both

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.registry.embedded import Embedded

pytestmark = [pytest.mark.no_docker, pytest.mark.xdist_group("server")]


@pytest.fixture(scope="module")
def filled(server: tuple[str, Embedded]) -> Iterator[tuple[str, both.Known]]:
    """The server with a registry that has everything, behind a proxy that makes pages small."""
    url, embedded = server
    client = MlflowClient(embedded.uri, embedded.uri)  # quicker than through the server
    place = (embedded.folder / "filled").as_uri()
    filling = Filling(
        client=client,
        database=embedded.uri,
        outputs=True,
        experiment=client.create_experiment("filled", artifact_location=place),
    )
    filling.everything()
    with proxy(url) as before:
        before.meddle = both.small_pages
        yield before.url, both.known(client, filling.runs)
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)  # others share the server


@pytest.fixture(autouse=True)
def _same_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers keep artifacts in folders, and run on this machine."""
    monkeypatch.setenv("MLGITOPS_ARTIFACT_ROOT", "/")


def test_both_ways_read_the_same(
    filled: tuple[str, both.Known], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every method of the reader, for everything that is there and much that is not."""
    both.check_reads(*filled, tmp_path_factory.mktemp("read"))


def test_what_is_read_over_http_is_so(filled: tuple[str, both.Known]) -> None:
    """Models, versions and runs as MLflow's public client says them, asked one by one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        both.check_truth(*filled)


def test_both_ways_record_the_same(filled: tuple[str, both.Known]) -> None:
    """Runs of records: their parameters, more than a batch has, cannot be changed."""
    both.check_records(*filled)


def test_both_ways_write_the_same(filled: tuple[str, both.Known]) -> None:
    """Stamps, aliases and classic stages, with what a registry refuses, step by step."""
    both.check_writes(*filled)


def test_both_ways_lock_the_same(filled: tuple[str, both.Known]) -> None:
    """A lock is had by one apply only, whichever way it asks."""
    both.check_locks(filled[0])
