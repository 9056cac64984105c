"""`mlgitops webhook` between MLflow's own server and GitHub."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from mlflow import MlflowClient

from harness.waiting import eventually
from mlgitops.system.http import HttpClient, is_up
from mlgitops.system.ports import free_port
from mlgitops.system.processes import started
from tests.github import fake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.registry.embedded import Embedded
    from mlgitops.system.processes import Started
    from tests.team import Team

SECRET = "not-known-to-anybody"
pytestmark = pytest.mark.xdist_group("server")
LONG = 90  # seconds; a busy machine is slow


@pytest.fixture
def hub() -> Iterator[fake.GitHub]:
    """An empty repository."""
    with fake.running() as made:
        yield made


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A receiver that runs, and MLflow's client of the server in front of it."""

    url: str
    running: Started
    client: MlflowClient


@pytest.fixture
def receiver(
    remote: Team,
    server: tuple[str, Embedded],
    hub: fake.GitHub,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Receiver]:
    """A receiver of the team's registry and repository."""
    monkeypatch.setenv("MLGITOPS_RECEIVER_SECRET", SECRET)
    monkeypatch.setenv("GITHUB_TOKEN", fake.TOKEN)
    monkeypatch.setenv("GITHUB_API_URL", hub.base)
    port = free_port()
    command = [sys.executable, "-m", "mlgitops", "webhook", "--repository", fake.REPOSITORY]
    pace = ["--settle", "0", "--interval", "0", "--port", str(port)]
    with started([*command, *pace], remote.folder / "receiver.log") as running:
        url, client = f"http://127.0.0.1:{port}", MlflowClient(server[0], server[0])
        eventually(lambda: is_up(f"{url}/health"), within=LONG, every=0.05)
        yield Receiver(url=url, running=running, client=client)
        for one in client.list_webhooks():
            client.delete_webhook(one.webhook_id)


def test_mlflows_events_start_workflows(receiver: Receiver, remote: Team, hub: fake.GitHub) -> None:
    """A version proposes itself; an alias is drift, unless apply has moved it; a stop ends all."""
    for _ in range(2):  # the second time, it is brought up to date
        ran = remote.ok("webhook", "--register", f"{receiver.url}/mlflow")
        assert "MLflow reached it" in ran.out
    (registered,) = receiver.client.list_webhooks()
    assert sorted(map(str, registered.events)) == [
        "model_version.created",
        "model_version_alias.created",
        "model_version_alias.deleted",
    ]
    remote.version()
    made = receiver.client.get_model_version("wind", "1")
    receiver.client.create_model_version("wind", str(made.source), run_id=made.run_id)
    proposed = {"event_type": "mlgitops-version", "client_payload": {"model": "wind", "version": 2}}
    repository = {"repository": fake.REPOSITORY}
    eventually(lambda: hub.dispatched == [proposed | repository], within=LONG, every=0.05)
    remote.stages(Production=1)
    remote.ok("apply")
    receiver.client.set_registered_model_alias("wind", "staging", "2")
    eventually(lambda: len(hub.dispatched) == 2, within=LONG, every=0.05)
    receiver.client.delete_registered_model_alias("wind", "production")
    eventually(lambda: len(hub.dispatched) == 3, within=LONG, every=0.05)
    assert [one["client_payload"]["aliases"] for one in hub.dispatched[1:]] == [
        ["wind@staging"],
        ["wind@production"],
    ]
    ask = HttpClient(timeout=LONG).request
    assert ask("POST", f"{receiver.url}/mlflow", body=b"x" * (2**20 + 1)).status == 413
    assert ask("GET", f"{receiver.url}/health", headers={"X": "x" * 2**15}).status == 431
    receiver.running.process.terminate()
    assert receiver.running.process.wait(LONG) == 0
    assert "not in the registry: example_model 1" in receiver.running.last_lines


def test_what_is_missing_is_named(
    remote: Team, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret, a repository, a token, an MLflow server, and what MLflow takes."""
    assert "set MLGITOPS_RECEIVER_SECRET" in remote.run("webhook").err
    monkeypatch.setenv("MLGITOPS_RECEIVER_SECRET", SECRET)
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    assert remote.run("webhook").code == 64
    ran = remote.run("webhook", "--register", "ftp://127.0.0.1/mlflow")
    assert ran.code == 1
    assert "MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http,https" in ran.err
    register = ("webhook", "--register", "https://hooks.example.org/mlflow")
    assert "webhooks need an MLflow server" in remote.run(*register, "--registry", remote.uri).err
    monkeypatch.setenv("GITHUB_TOKEN", fake.TOKEN)
    taken = hub.base.rpartition(":")[2]
    ran = remote.run("webhook", "--repository", fake.REPOSITORY, "--port", taken)
    assert (ran.code, f"cannot listen on 127.0.0.1:{taken}" in ran.err) == (1, True)
