"""Which of the versions that were declared were there, from when, and which never were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.history.test_stays import commit, stamped, stays

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.team import Team


def promoted(team: Team, *versions: int, applied: Collection[int] = ()) -> None:
    """Promote versions, one a day from the first of the month on; each that is named is applied."""
    team.versions(max(versions))
    for day, version in enumerate(versions, start=1):
        team.stages(Production=version)
        commit(team, f"Promote {version}", day=day)
        if version in applied:
            team.ok("apply")


def test_what_was_merged_and_never_applied(team: Team) -> None:
    """It is history, but it was not there: not before the next apply, and not while it waits."""
    promoted(team, 1, 2, 3, 4, applied=(1, 3))
    stamped(team, 1, time="2026-11-01T13:00:00Z")
    stamped(team, 3, time="2026-11-03T13:00:00Z")
    assert [(s["version"], bool(s["applied"]), s["pending"]) for s in stays(team)] == [
        (1, True, False),
        (2, False, False),
        (3, True, False),
        (4, False, True),
    ]
    told = team.ok("history").out
    assert (told.count("declared only"), told.count("  no  ")) == (1, 1)
    assert [(s["version"], s["until"]) for s in stays(team)[2:]] == [(3, None), (4, None)]
    found = {day: stays(team, "--at", f"2026-11-0{day}") for day in (1, 2, 3, 4)}
    assert {day: one["version"] for day, (one,) in found.items()} == {1: 1, 2: 1, 3: 3, 4: 3}
    assert found[2][0]["until"][:16] == "2026-11-03T13:00"


def test_nothing_was_there_before_the_first_apply(team: Team) -> None:
    """What waits for the first apply is told as that, and no stage is said to have held it."""
    promoted(team, 1)
    assert [(s["version"], s["pending"]) for s in stays(team)] == [(1, True)]
    assert stays(team, "--at", "2999-01-01") == []
    assert [s["version"] for s in stays(team, "--at", "2999-01-01", "--offline")] == [1]
    team.client.set_registered_model_alias("wind", "production", "1")
    assert [(s["version"], s["pending"]) for s in stays(team, "--at", "2999-01-01")] == [(1, False)]


def test_a_version_that_was_deleted_was_there(team: Team) -> None:
    """Its stamp is gone with it, and its alias; git's word counts, and nobody is wrongly told."""
    promoted(team, 1, 2, applied=(1, 2))
    team.client.delete_model_version("wind", "2")
    assert [(s["version"], s["pending"]) for s in stays(team)] == [(1, False), (2, False)]
    assert [s["version"] for s in stays(team, "--at", "2999-01-01")] == [2]
    said = team.run("history").err
    assert "warning: wind Production is empty now, not 2: somebody moved it" in said


def test_a_stage_that_was_empty_until_it_was_applied(team: Team) -> None:
    """What the first apply found is known: what was declared before it was never there."""
    promoted(team, 1, 2, applied=(2,))
    stamped(team, 2, time="2026-11-05T12:00:00Z")
    assert stays(team, "--at", "2026-11-04") == []
    assert [s["version"] for s in stays(team, "--at", "2026-11-05")] == [2]


def test_a_heal_does_not_begin_anew(team: Team) -> None:
    """The stamp keeps when the version came, also where somebody moved the stage back by hand."""
    team.versions(3)
    team.stages(Production=1)
    commit(team, "Start", day=1)
    team.ok("apply")
    team.stages(Production=2)
    commit(team, "Promote", day=2)
    team.ok("apply")
    stamped(team, 1, time="2026-11-01T13:00:00Z")
    stamped(team, 2, time="2026-11-02T13:00:00Z")
    for _ in range(2):
        team.client.set_registered_model_alias("wind", "production", "3")
        team.ok("apply", "--actor", "healer")
        assert (team.tag(2, "Production") or {})["since"] == "2026-11-02T13:00:00Z"
    (found,) = stays(team, "--at", "2026-11-03")
    assert (found["version"], found["by"], found["since"][:10]) == (2, "healer", "2026-11-02")
    team.client.set_registered_model_alias("wind", "production", "1")
    stamped(team, 2, previous=1, since="")
    came = (team.tag(2, "Production") or {})["time"]
    team.ok("apply")
    assert (team.tag(2, "Production") or {})["since"] == came


def test_what_was_refused_ends_no_stay(team: Team) -> None:
    """Neither while it is asked for, nor once somebody has taken it back."""
    team.versions(2)
    team.stages(Production=1)
    commit(team, "Start", day=1)
    team.ok("apply")
    stamped(team, 1, time="2026-11-01T13:00:00Z")
    gate = "gates: {Production: [{metric: mae, max: 1}]}"
    team.write(f"models:\n  wind: {{{gate}, stages: {{Production: 2}}}}\n")
    commit(team, "Promote", day=2)
    assert team.run("apply").code == 3
    asked = stays(team, "--at", "2026-11-03")
    team.stages(Production=1)
    commit(team, "Take it back", day=4)
    back = stays(team, "--at", "2026-11-05")
    assert [(one["version"], one["since"][:10], one["until"]) for one in (*asked, *back)] == [
        (1, "2026-11-01", None),
        (1, "2026-11-01", None),
    ]
