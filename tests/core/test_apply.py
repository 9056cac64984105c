"""Applying makes the registry what models.yaml says, with the fewest writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.team import Team

EMPTY = ("--allow", "empties-production")


def test_apply_sets_alias_classic_stage_and_stamp(team: Team) -> None:
    """After an apply both addresses resolve to the version, and the stamp says who did it."""
    team.versions(2)
    team.stages(Staging=2, Production=1)

    team.ok("apply", "--commit", "abc123", "--actor", "ada", "--pull-request", "7")

    assert team.aliases() == {"staging": 2, "production": 1}
    assert team.classic("Staging") == 2
    assert team.classic("Production") == 1
    stamp = team.tag(1, "Production")
    assert stamp is not None
    time = stamp.pop("time")
    assert time.endswith("Z")
    assert re.fullmatch("[0-9a-f]{32}", stamp.pop("record"))
    assert stamp == {
        "move": 1,
        "version": 1,
        "previous": None,
        "commit": "abc123",
        "actor": "ada",
        "pull_request": "7",
        "registry": team.uri,
        "owner": "local",
        "since": "",
    }


def test_plan_exit_code_before_and_after(team: Team) -> None:
    """`plan --exit-code` answers 2 while changes are pending and 0 once they are applied."""
    team.versions(1)
    team.stages(Production=1)

    pending = team.run("plan", "--exit-code")
    assert (pending.code, "1 change in 1 model" in pending.out) == (2, True)
    assert team.run("apply").code == 0
    done = team.run("plan", "--exit-code")
    assert (done.code, "No changes" in done.out) == (0, True)


def test_two_stages_swap_in_one_apply(team: Team) -> None:
    """Staging and Production can exchange their versions; both addresses follow."""
    team.versions(2)
    team.stages(Staging=2, Production=1)
    team.ok("apply")

    team.stages(Staging=1, Production=2)
    team.ok("apply")

    assert team.aliases() == {"staging": 1, "production": 2}
    assert (team.classic("Staging"), team.classic("Production")) == (1, 2)
    assert team.run("plan", "--exit-code").code == 0


def test_rollback_restores_the_previous_version_and_counts_the_moves(team: Team) -> None:
    """Going back is an apply like any other: its stamp is the newest and names what it replaced."""
    team.versions(2)
    for version in (1, 2, 1):
        team.stages(Production=version)
        team.ok("apply", "--actor", f"actor-{version}")

    assert team.aliases() == {"production": 1}
    assert team.classic("Production") == 1
    stamp = team.tag(1, "Production")
    assert stamp is not None
    assert (stamp["move"], stamp["version"], stamp["previous"]) == (3, 1, 2)


def test_null_empties_a_stage(team: Team) -> None:
    """`Production: null` removes the alias and the classic stage, and the stamp says so."""
    team.versions(1)
    team.stages(Production=1)
    team.ok("apply")

    team.stages(Production=None)
    team.ok("apply", "--actor", "bob", *EMPTY)

    assert team.aliases() == {}
    assert team.classic("Production") is None
    stamp = team.tag(1, "Production")
    assert stamp is not None
    assert (stamp["version"], stamp["previous"], stamp["actor"]) == (None, 1, "bob")
    assert team.run("plan", "--exit-code").code == 0


def test_a_stage_that_leaves_the_file_is_emptied_if_mlgitops_had_set_it(team: Team) -> None:
    """Reverting the first promotion empties the stage again."""
    team.versions(1)
    team.stages(Production=1)
    team.ok("apply")

    team.stages()
    team.ok("apply", *EMPTY)

    assert team.aliases() == {}
    assert team.classic("Production") is None


def test_a_stage_that_others_set_is_left_alone_if_it_is_not_in_the_file(team: Team) -> None:
    """An alias without a stamp is not managed."""
    team.versions(2)
    team.client.set_registered_model_alias("wind", "champion", "2")
    team.stages(Production=1)

    team.ok("apply")

    assert team.aliases() == {"champion": 2, "production": 1}
    states = {
        s["stage"]: s["state"] for s in team.ok("status", "--format", "json").document["stages"]
    }
    assert states == {"Production": "in sync", "champion": "unmanaged"}


def test_a_model_that_leaves_the_file_is_emptied_too(team: Team) -> None:
    """Removing a whole model takes its stages with it, those that mlgitops had set."""
    team.versions(1, "wind")
    team.versions(1, "solar")
    team.write(
        """
        models:
          wind: {stages: {Production: 1}}
          solar: {stages: {Production: 1}}
        """
    )
    team.ok("apply")

    team.stages("wind", Production=1)
    team.ok("apply", *EMPTY)

    assert team.aliases("solar") == {}
    assert team.aliases("wind") == {"production": 1}


def test_one_version_can_hold_two_stages(team: Team) -> None:
    """Both aliases point at it; the classic stage, of which it has one, is Production."""
    team.versions(2)
    team.stages(Staging=2, Production=2)

    team.ok("apply")

    assert team.aliases() == {"staging": 2, "production": 2}
    assert team.classic("Production") == 2
    assert team.classic("Staging") is None
    assert team.run("plan", "--exit-code").code == 0


def test_a_stage_of_the_teams_own(team: Team) -> None:
    """A stage name that MLflow does not know is an alias, and no classic stage."""
    team.versions(1)
    team.stages(Shadow=1)

    team.ok("apply")

    assert team.aliases() == {"shadow": 1}
    assert team.client.get_model_version("wind", "1").current_stage == "None"


def test_drift_is_named_and_healed(team: Team) -> None:
    """An alias that was moved by hand is drift, with who did not do it; the next apply heals it."""
    team.versions(2)
    team.stages(Production=1)
    team.ok("apply", "--actor", "ada")
    team.client.set_registered_model_alias("wind", "production", "2")

    (found,) = team.ok("status", "--format", "json").document["stages"]
    assert (
        found["state"], found["desired"], found["actual"], found["stamp"],
    ) == ("drift", 1, 2, None)  # fmt: skip
    assert "ada left it at version 1, " in found["note"]
    assert "corrects drift" in team.ok("plan").out

    team.ok("apply")
    assert team.aliases() == {"production": 1}


def test_a_classic_stage_moved_by_hand_is_drift_and_is_healed(team: Team) -> None:
    """The classic stage is kept in step even where the alias is right."""
    team.versions(2)
    team.stages(Production=1)
    team.ok("apply")
    team.move_by_hand(2, "Production")
    assert team.classic("Production") == 2

    ran = team.run("plan", "--exit-code")
    assert ran.code == 2
    assert "classic stage out of step" in ran.out

    team.ok("apply")
    assert team.classic("Production") == 1
    assert team.run("plan", "--exit-code").code == 0


def test_a_stage_set_up_by_others_as_desired_needs_no_change(team: Team) -> None:
    """A team that starts with mlgitops on an existing registry has an empty plan."""
    team.versions(1)
    team.client.set_registered_model_alias("wind", "production", "1")
    team.move_by_hand(1, "Production")
    team.stages(Production=1)

    ran = team.run("plan", "--exit-code")
    assert (ran.code, "No changes" in ran.out) == (0, True)


def test_the_file_following_a_move_by_hand_is_stamped(team: Team) -> None:
    """A stage that was moved by hand becomes true again once the file says the same."""
    team.versions(2)
    team.stages(Production=1)
    team.ok("apply", "--actor", "ada")
    team.client.set_registered_model_alias("wind", "production", "2")
    team.move_by_hand(1, "Archived")
    team.move_by_hand(2, "Production")
    team.stages(Production=2)

    assert "stamp out of step" in team.ok("plan").out
    team.ok("apply", "--actor", "bob")

    stamp = team.tag(2, "Production")
    assert stamp is not None
    assert (stamp["move"], stamp["actor"]) == (2, "bob")
    assert team.run("plan", "--exit-code").code == 0


def test_one_model_that_fails_does_not_stop_the_others(team: Team) -> None:
    """The exit code is 4, and the report says which failed and which was applied."""
    team.versions(1, "wind")
    team.versions(1, "solar")
    team.write(
        """
        models:
          wind: {stages: {Production: 1}}
          solar: {stages: {Production: 1}}
        """
    )
    refuse_writes_of(team, "wind")

    ran = team.run("apply", "--format", "json")

    assert ran.code == 4
    assert {o["model"]: o["status"] for o in ran.document["outcomes"]} == {
        "wind": "half done",
        "solar": "applied",
    }
    assert "wind Production half done" in ran.err
    assert team.aliases("solar") == {"production": 1}


def refuse_writes_of(team: Team, model: str) -> None:
    """Make the registry's own database refuse every alias of one model."""
    import sqlite3

    with sqlite3.connect(team.uri.removeprefix("sqlite:///")) as database:
        database.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON registered_model_aliases "
            f"WHEN NEW.name = '{model}' BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"
        )
