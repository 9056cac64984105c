"""A version is applied only if it exists, is READY and has the payload that was pinned."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from mlgitops.registry.digest import of_folder

if TYPE_CHECKING:
    from tests.team import Team

WIND = "power-forecasting-model"


def test_versions_and_models_that_do_not_exist_are_all_named_at_once(team: Team) -> None:
    """Each problem has its line, model and stage; what can be had is applied."""
    team.versions(1)
    team.write(
        """
        models:
          wind:
            versions:
              2: {train: power_forecasting}
            stages:
              Staging: 2
              Production: 1
              Shadow: 9
          solar:
            stages: {Production: 1}
        stages: [Staging, Production, Shadow]
        """
    )

    ran = team.run("apply")

    assert ran.code == 8
    assert [line for line in ran.err.splitlines() if line.startswith("error")] == [
        "error: models.yaml:7:7: wind Staging: version 2 does not exist or was deleted; "
        "to train it, run `mlgitops train`, unless it was deleted: MLflow gives no number twice",
        "error: models.yaml:9:7: wind Shadow: version 9 does not exist or was deleted; "
        "register it, or choose a version that exists",
        "error: models.yaml:11:14: solar Production: the registry does not have this model; "
        "register it, or choose a version that exists",
        "error: all other changes were made",
    ]
    assert team.aliases() == {"production": 1}


def test_a_version_that_was_deleted(team: Team) -> None:
    """The registry does not have it any more, and the error says so."""
    team.versions(2)
    team.client.delete_model_version("wind", "2")
    team.stages(Production=2)
    assert "version 2 does not exist or was deleted" in team.run("plan").err


@pytest.mark.parametrize("status", ["PENDING_REGISTRATION", "FAILED_REGISTRATION"])
def test_a_version_that_is_not_ready(team: Team, status: str) -> None:
    """A version whose artifacts are not all there yet is not applied."""
    team.versions(1)
    with sqlite3.connect(team.uri.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE model_versions SET status = ?", (status,))
    team.stages(Production=1)
    ran = team.run("apply")
    assert ran.code == 3
    assert f"models.yaml:4:7: wind Production: version 1 is {status}, not READY" in ran.err
    assert team.aliases() == {}


def test_a_run_that_was_deleted_leaves_gates_without_metrics(team: Team) -> None:
    """Evidence that is gone is missing evidence: the gate fails, and nothing crashes."""
    team.version(metrics={"r2": 0.99})
    run_id = team.client.get_model_version("wind", "1").run_id
    with sqlite3.connect(team.uri.removeprefix("sqlite:///")) as database:
        for table in ("latest_metrics", "metrics", "params", "tags", "runs"):
            database.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run_id,))
    team.write(
        "models: {wind: {gates: {Production: [{metric: r2, min: 0.9}]}, stages: {Production: 1}}}"
    )
    ran = team.run("plan")
    assert ran.code == 3
    assert "not recorded" in ran.out


@pytest.mark.xdist_group("farm")
def test_a_pinned_digest_is_checked(farm: Team, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The right digest is applied; another one is refused, and both are named."""
    from mlgitops.registry.connect import connect

    folder = tmp_path_factory.mktemp("payload")
    right = of_folder(connect(farm.uri).download(f"models:/{WIND}/1", folder))
    wrong = "sha256:" + "0" * 64
    farm.write(f"models: {{{WIND}: {{stages: {{Production: {{version: 1, digest: '{wrong}'}}}}}}}}")
    ran = farm.run("apply")
    assert ran.code == 3
    assert f"version 1 has the digest {right}, not the pinned {wrong}" in ran.err
    assert farm.aliases(WIND) == {}

    farm.write(f"models: {{{WIND}: {{stages: {{Production: {{version: 1, digest: '{right}'}}}}}}}}")
    farm.ok("apply")
    assert farm.aliases(WIND) == {"production": 1}
