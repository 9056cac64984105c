"""Registries that others filled: what a stage holds is its alias, else its classic stage."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.team import Team


def of_old(team: Team) -> None:
    """Version 1 in classic Production, as servers of before aliases have it."""
    team.versions(2)
    team.move_by_hand(1, "Production")


def test_a_classic_stage_without_an_alias_is_what_the_stage_holds(team: Team) -> None:
    """Plan, status, guards and gates see the version that serves; nothing is archived unasked."""
    of_old(team)
    team.write(
        """
        models:
          wind:
            gates: {Production: [{promoted_from: Staging}]}
            stages: {Production: 2}
        """
    )
    ran = team.run("plan", "--exit-code")
    assert ran.code == 3
    assert "Production: 1 → 2" in ran.out
    assert "it was never in Staging" in ran.out
    assert "mlgitops did not put version 1 into Production" in ran.err
    (stage,) = team.ok("status", "--format", "json").document["stages"]
    assert stage["actual"] == 1
    assert team.classic("Production") == 1


def test_the_first_change_brings_alias_and_classic_stage_into_step(team: Team) -> None:
    """The stamp says what was there before, and rollback returns to it."""
    of_old(team)
    team.stages(Production=2)
    team.ok("apply", "--allow", "unmanaged")
    assert (team.aliases(), team.classic("Production")) == ({"production": 2}, 2)
    stamp = team.tag(2, "Production")
    assert stamp is not None
    assert stamp["previous"] == 1
    team.stages(Production=1)
    team.ok("apply")
    assert (team.aliases(), team.classic("Production")) == ({"production": 1}, 1)


def test_a_classic_stage_that_is_as_desired_needs_no_change(team: Team) -> None:
    """Neither while it is unstamped, nor because another stage of the model changes."""
    of_old(team)
    team.stages(Production=1)
    assert team.run("plan", "--exit-code").code == 0
    team.stages(Production=1, Staging=2)
    team.ok("apply")
    assert team.aliases() == {"staging": 2}
    assert (team.classic("Production"), team.classic("Staging")) == (1, 2)
    assert team.run("plan", "--exit-code").code == 0


def test_a_classic_stage_does_not_lose_its_version_to_another(team: Team) -> None:
    """Version 1, only in classic Staging, enters Production as well: an alias keeps it in both."""
    team.versions(1)
    team.move_by_hand(1, "Staging")
    team.stages(Staging=1, Production=1)
    team.ok("apply")
    assert team.aliases() == {"staging": 1, "production": 1}
    assert team.classic("Production") == 1
    assert team.run("plan", "--exit-code").code == 0


def test_emptying_what_is_only_a_classic_stage(team: Team) -> None:
    """The guards ask, and nothing is left."""
    of_old(team)
    team.stages(Production=None)
    assert team.run("apply").code == 3
    team.ok("apply", "--allow", "unmanaged", "--allow", "empties-production")
    assert (team.aliases(), team.classic("Production")) == ({}, None)


def test_an_alias_that_was_removed_by_hand_comes_back(team: Team) -> None:
    """The classic stage still holds the version; alias and stage are brought into step."""
    team.versions(1)
    team.stages(Production=1)
    team.ok("apply")
    team.client.delete_registered_model_alias("wind", "production")
    assert "alias out of step" in team.ok("plan").out
    team.ok("apply")
    assert team.aliases() == {"production": 1}


def test_an_alias_keeps_its_spelling(team: Team) -> None:
    """Callers of @Champion get the new version; no second alias is made."""
    team.versions(2)
    team.client.set_registered_model_alias("wind", "Champion", "1")
    team.stages(Champion=2)
    assert "Champion: 1 → 2" in team.run("plan").out
    team.ok("apply", "--allow", "unmanaged")
    assert team.aliases() == {"Champion": 2}
    assert team.run("plan", "--exit-code").code == 0
    team.stages(Champion=None)
    team.ok("apply")
    assert team.aliases() == {}


@pytest.mark.parametrize("version", [1, 2])
def test_two_aliases_that_differ_only_in_case_are_an_error(team: Team, version: int) -> None:
    """It names both, with the line; the stage is left alone, other stages are applied."""
    team.versions(2)
    team.client.set_registered_model_alias("wind", "Champion", "1")
    team.client.set_registered_model_alias("wind", "champion", "2")
    team.stages(champion=version)
    ran = team.run("plan")
    assert ran.code == 3
    assert "models.yaml:4" in ran.err
    assert "the aliases 'Champion' and 'champion' differ only in case" in ran.err
    assert "the aliases 'Champion' and 'champion' differ only in case" in ran.out
    team.stages(champion=version, Production=1)
    assert team.run("apply", "--allow", "unmanaged").code == 8
    assert team.aliases() == {"Champion": 1, "champion": 2, "production": 1}


@pytest.mark.xdist_group("server")
@pytest.mark.parametrize("over", ["HTTP", "MLflow's client"])
def test_a_prompt_is_no_model(remote: Team, over: str) -> None:
    """It is left out of import and status, and an entry that names one is an error that says so."""
    import mlflow

    address = ("--registry", remote.uri) if over == "MLflow's client" else ()
    remote.versions(1)
    mlflow.set_tracking_uri(remote.uri)
    mlflow.genai.register_prompt("greeting", "Hello {{name}}")
    remote.stages(Production=1)
    remote.ok("apply", *address)
    remote.ok("import", "--output", "imported.yaml", *address)
    assert "greeting" not in (remote.folder / "imported.yaml").read_text(encoding="utf-8")
    stages = remote.ok("status", "--format", "json", *address).document["stages"]
    assert {stage["model"] for stage in stages} == {"wind"}
    remote.stages("greeting", Production=1)
    ran = remote.run("plan", *address)
    assert ran.code == 3
    assert "greeting Production: this is a prompt, not a model" in ran.err
    assert (
        "greeting Production: this is a prompt, not a model" in remote.run("plan", "greeting").err
    )


def test_import_leaves_out_odd_aliases_and_says_why(team: Team) -> None:
    """They do not stop it."""
    team.versions(2)
    team.client.set_registered_model_alias("wind", "production", "1")
    with_odd_alias(team, "ünï", 2)
    ran = team.ok("import")
    assert "left out: wind ünï: models.yaml does not allow this name" in ran.err
    assert "Production: 1" in team.file.read_text(encoding="utf-8")
    assert json.loads(team.ok("plan", "--format", "json").out)["changes"] == []


def with_odd_alias(team: Team, alias: str, version: int) -> None:
    """MLflow's server takes aliases over REST that its client refuses."""
    import sqlite3

    with sqlite3.connect(team.uri.removeprefix("sqlite:///")) as database:
        database.execute(
            "INSERT INTO registered_model_aliases (name, alias, version) VALUES (?, ?, ?)",
            ("wind", alias, version),
        )
