"""A version that is blocked enters no stage; where one still holds it, plan and status say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.history.test_stays import commit

if TYPE_CHECKING:
    from tests.team import Team


def declare(team: Team, stages: str, blocked: str = "") -> None:
    """Write and commit a models.yaml of form 2, on one line a key."""
    rest = f"    blocked: {{{blocked}}}\n" if blocked else ""
    team.write(f"version: 2\nmodels:\n  wind:\n    stages: {{{stages}}}\n{rest}")
    commit(team, f"{stages} {blocked}", day=1)


def test_a_stage_that_holds_a_blocked_version_is_told_until_it_left(team: Team) -> None:
    """By the plan that takes it out, the status and the issue of drift; then by none."""
    team.versions(3)
    declare(team, "Production: 1")
    team.ok("apply")
    declare(team, "Production: 2")
    team.ok("apply")
    declare(team, "Production: 3", "2: leaks the future")
    blocked = "version 2 is blocked: leaks the future"
    assert f"[{blocked}]" in team.ok("plan", "--quick").out
    assert blocked in team.ok("status").out
    team.ok("apply")
    # the way back skips it, though the stamp names it
    (stage,) = team.ok("status", "--format", "json").document["stages"]
    assert (stage["note"], stage["way_back"]["version"]) == (None, 1)
    team.client.set_registered_model_alias("wind", "production", "2")
    assert blocked in team.ok("status").out
    team.ok("apply")
    assert team.aliases() == {"production": 3}


def test_a_stage_that_the_file_does_not_list_is_a_warning(team: Team) -> None:
    """Nothing would take it out: every form of the plan says so, and what to do."""
    team.versions(2)
    declare(team, "Production: 1", "2: leaks the future")
    team.ok("apply")
    team.client.set_registered_model_alias("wind", "canary", "2")
    said = "wind canary: version 2 is blocked: leaks the future, and stays; to take it out, list"
    assert "warning: models.yaml:5:" in (shown := team.ok("plan", "--quick").out)
    assert said in shown
    (warning,) = team.ok("plan", "--quick", "--format", "json").document["warnings"]
    assert (warning["model"], warning["stage"], warning["line"]) == ("wind", "canary", 5)
    assert "**Warning:**" in team.ok("plan", "--quick", "--format", "markdown").out


def test_where_all_that_was_before_is_blocked_there_is_no_way_back(team: Team) -> None:
    """It is said as of a version that is gone, with what to do."""
    team.versions(2)
    declare(team, "Production: 1")
    team.ok("apply")
    declare(team, "Production: 2", "1: leaks the future")
    team.ok("apply")
    said = (
        "no way back: version 1 is blocked: leaks the future; `mlgitops rollback wind Production "
        "VERSION` takes another"
    )
    assert said in team.ok("status").out
