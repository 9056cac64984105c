"""What reading and writing cost: requests, counted at the server."""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from mlflow import MlflowClient

from mlgitops.registry.connect import connect
from tests.team import declaring

if TYPE_CHECKING:
    from pathlib import Path

    from tests.proxy import Answered, Asked, PassOn, Proxy
    from tests.team import Team

pytestmark = pytest.mark.xdist_group("server")

MODELS = tuple(f"model-{number}" for number in range(3))
MANY = ("--allow", "many-changes")
SEARCHES = {"/api/2.0/mlflow/registered-models/search", "/api/2.0/mlflow/model-versions/search"}
RECORD = {
    "/version": 1,
    "experiments/get-by-name": 1,
    "runs/create": 1,
    "runs/log-batch": 2,
    "runs/update": 1,
}


def declare(team: Team, **stages: int) -> None:
    """Every model with the same stages."""
    listed = ", ".join(f"{stage}: {version}" for stage, version in stages.items())
    body = "\n".join(f"  {name}: {{stages: {{{listed}}}}}" for name in MODELS)
    team.write(f"models:\n{body}\n{declaring(stages)}")


def test_a_plan_with_nothing_to_do_reads_the_pages_and_no_more(
    remote: Team, proxied: Proxy
) -> None:
    """A page of models, and one of stamped versions each of models and prompts."""
    for name in MODELS:
        remote.versions(2, name)
        for alias in ("champion", f"of-{name}"):
            remote.client.set_registered_model_alias(name, alias, "1")
    declare(remote, Staging=2, Production=1, Shadow=2)
    remote.ok("apply", *MANY)

    for verb in ("plan", "status", "apply"):
        proxied.reset()
        remote.ok(verb)
        assert {path for _, path in proxied.seen} == SEARCHES
        assert len(proxied.seen) == 3


def test_a_change_costs_its_writes_and_a_share_of_the_read_back(
    remote: Team, proxied: Proxy
) -> None:
    """Stamp, alias, stage, a look at the version and its payload; pages are read three times.

    They are read to plan, once it is the apply's turn, and to see what was written. The lock and
    the record of it all cost the same for one change and for many.
    """
    for name in MODELS:
        remote.versions(2, name)
    declare(remote, Production=1)
    remote.ok("apply", *MANY)
    declare(remote, Production=2)
    proxied.reset()

    remote.ok("apply", *MANY)

    asked = Counter(path.removeprefix("/api/2.0/mlflow/") for _, path in proxied.seen)
    each = len(MODELS)
    assert asked == {
        "registered-models/search": 3,
        "model-versions/search": 6,
        "registered-models/create": 1,
        "registered-models/delete": 1,
        "model-versions/get": each,
        "/model-versions/get-artifact": each,
        "model-versions/set-tag": each,
        "registered-models/alias": each,
        "model-versions/transition-stage": each,
        **RECORD,
    }


@pytest.mark.parametrize("options", [(), ("--quick",)])
def test_evidence_of_all_changes_is_read_at_once(
    remote: Team, proxied: Proxy, options: tuple[str, ...]
) -> None:
    """Runs of both versions, and of the latest of each model: one search, however many models."""
    for name in MODELS:
        for error in (2.0, 1.0):
            remote.version(name, metrics={"mae": error})
    declare(remote, Production=1)
    remote.ok("apply", *MANY)
    declare(remote, Production=2)
    proxied.reset()

    changes = remote.ok("plan", *options, "--format", "json").document["changes"]

    assert [one["metrics"][0]["new"] for one in changes] == [1.0] * len(MODELS)
    asked = Counter(path.removeprefix("/api/2.0/mlflow/") for _, path in proxied.seen)
    read = {what: number for what, number in asked.items() if what.startswith(("runs", "exp"))}
    assert read == {"experiments/search": 1, "runs/search": 1}


def test_an_older_version_in_a_classic_stage_is_found_and_archived(remote: Team) -> None:
    """Pages show the latest version of a classic stage only; emptying it brings out the others."""
    remote.versions(3)
    remote.stages(Staging=3)
    remote.ok("apply")
    remote.move_by_hand(1, "Staging")
    remote.move_by_hand(2, "Staging")
    remote.stages(Staging=None)

    remote.ok("apply")

    assert remote.classic("Staging") is None
    assert remote.run("plan", "--exit-code").code == 0


@pytest.mark.usefixtures("remote")
def test_a_download_tells_how_much_has_come(proxied: Proxy, tmp_path: Path) -> None:
    """Of what the server says there is, with the version's name, for whoever waits."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text("flavors: {}\n")
    for name in ("a.bin", "b.bin"):
        (tmp_path / "model" / name).write_bytes(bytes(3_000_000))
    client = MlflowClient(proxied.url, proxied.url)
    experiment = client.create_experiment("told", artifact_location="mlflow-artifacts:/told")
    run = client.create_run(experiment).info
    client.log_artifacts(run.run_id, str(tmp_path / "model"), "model")
    client.create_registered_model("wind")
    client.create_model_version("wind", f"{run.artifact_uri}/model", run_id=run.run_id)

    def slow(asked: Asked, pass_on: PassOn) -> Answered:
        if asked.path.endswith("bin"):
            time.sleep(0.7)
        return pass_on(asked)

    proxied.meddle = slow
    said: list[str] = []
    connect(proxied.url, proxied.url).download("models:/wind/1", tmp_path / "to", said.append)
    assert said
    for line in said:
        assert re.fullmatch(r"downloading wind 1: [0-6] of 6 MB(, \d+ MB/s)?(, \d+ s left)?", line)


@pytest.mark.parametrize(("among", "by_name"), [(0, False), (1_000, True), (10_000, True)])
def test_models_are_asked_for_by_name_where_pages_cost_more(
    proxied: Proxy, among: int, by_name: bool
) -> None:
    """Of a registry with thousands, a dozen cost their own requests; of a small one, pages."""
    registry = connect(proxied.url, proxied.url)
    registry.held_again([f"absent-{number}" for number in range(12)], among=among)
    asked = {path.removeprefix("/api/2.0/mlflow/") for _, path in proxied.seen}
    assert asked == {"registered-models/get"} if by_name else "registered-models/search" in asked
