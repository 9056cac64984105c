"""History: git's record of models.yaml joined with the stamps, on real repositories."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.team import Team


def git(
    team: Team, *arguments: str, day: int = 1, at: datetime | None = None, author: str = "ada"
) -> str:
    """Run git in the team's folder on a day of November 2026, or at another time."""
    time = (at or datetime(2026, 11, day, 12, tzinfo=UTC)).isoformat()
    who = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER")
           for k, v in (("NAME", author), ("EMAIL", "a@b"), ("DATE", time))}  # fmt: skip
    done = subprocess.run(
        ["git", "-C", str(team.folder), *arguments],
        env={**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def commit(team: Team, message: str, *, day: int, author: str = "ada") -> str:
    """Commit models.yaml; returns the commit."""
    if not (team.folder / ".git").exists():
        git(team, "init", "--quiet", "--initial-branch=main")
    git(team, "add", "models.yaml")
    git(team, "commit", "--quiet", "--message", message, day=day, author=author)
    return git(team, "rev-parse", "HEAD")


def stays(team: Team, *arguments: str) -> list[dict[str, Any]]:
    """The stays that `mlgitops history` lists."""
    listed: list[dict[str, Any]] = team.ok("history", "--format", "json", *arguments).document[
        "stays"
    ]
    return listed


@pytest.fixture
def told(team: Team) -> Team:
    """Version 1 since day 1, 2 since day 3, back to 1 since day 8; the last two were applied."""
    team.versions(2)
    team.stages(Production=1)
    commit(team, "Start", day=1)
    team.stages(Production=2)
    commit(team, "Promote wind 2 (#12)", day=3, author="grace")
    team.ok("apply", "--actor", "octocat", "--pull-request", "12")
    git(team, "revert", "--no-edit", "HEAD", day=8, author="linus")
    team.ok("apply", "--actor", "linus")
    return team


def test_who_put_what_where(told: Team) -> None:
    """Each stay has its version, person, commit and pull request; applied ones say so."""
    found = stays(told)
    assert [(s["version"], s["by"], s["pull_request"], bool(s["applied"])) for s in found] == [
        (1, "ada", None, False),
        (2, "octocat", "12", True),
        (1, "linus", None, True),
    ]
    assert [s["since"][:10] for s in found] == ["2026-11-01", "2026-11-03", "2026-11-08"]
    assert [(s["until"] or "still")[:10] for s in found] == ["2026-11-03", "2026-11-08", "still"]
    assert found[2]["subject"] == 'Revert "Promote wind 2 (#12)"'


def test_what_was_moved_by_hand_since_is_told(told: Team) -> None:
    """The stay lasts, as no stamp says until when; a warning says that it does not any more."""
    assert "outside models.yaml" not in told.ok("history").err
    told.client.set_registered_model_alias("wind", "production", "2")
    ran = told.ok("history", "--at", "2999-01-01")
    assert (
        "warning: wind Production is 2 now, not 1: somebody moved it outside models.yaml, and no "
        "stamp says when\n"
    ) in ran.err
    assert "outside models.yaml" not in told.ok("history", "--offline").err


def stamped(team: Team, version: int, **fields: object) -> None:
    """Write other fields into the stamp of a version in Production."""
    team.set_tag(version, "Production", {**(team.tag(version, "Production") or {}), **fields})


def test_what_was_there_on_a_day(told: Team) -> None:
    """It is what was applied by then, and by git's word what no stamp is left of.

    A day means what it ended with, and so does a minute, also as reports tell it.
    """
    stamped(told, 2, time="2026-11-04T12:00:30Z", move=2, previous=1)
    stamped(told, 1, time="2026-11-09T12:00:00Z", move=3)
    for moment, version, applied in (
        ("2026-11-02", 1, None),
        ("2026-11-03", 1, None),
        ("2026-11-04T11:59Z", 1, None),
        ("2026-11-04T12:00:29Z", 1, None),
        ("2026-11-04T12:00Z", 2, "2026-11-04"),
        ("2026-11-04 12:00 UTC", 2, "2026-11-04"),
        ("2026-11-04", 2, "2026-11-04"),
        ("2026-11-08", 2, "2026-11-04"),
        ("2026-11-09", 1, "2026-11-09"),
    ):
        (found,) = stays(told, "--at", moment)
        assert found["version"] == version, moment
        assert (found["applied"] or "")[:10] == (applied or ""), moment
    assert stays(told, "--at", "2026-10-31") == []
    offline = stays(told, "--at", "2026-11-03", "--offline")
    assert [(s["version"], s["applied"]) for s in offline] == [(2, None)]
    for form in ("text", "markdown"):
        for day, only in (("02", True), ("04", False)):
            shown = told.ok("history", "--at", f"2026-11-{day}", "--format", form).out
            assert ("declared only" in shown) == only


def test_what_was_not_committed_is_nobody_s(team: Team) -> None:
    """A later commit that says the same is not credited, even if its clock is behind."""
    team.versions(2)
    team.stages(Production=1)
    commit(team, "Start", day=1)
    team.ok("apply")
    stamped(team, 1, time="2026-11-01T13:00:00Z")
    team.stages(Production=2)
    assert "models.yaml is not committed" in team.ok("apply", "--actor", "eve").err
    stamped(team, 2, time="2026-11-05T12:00:00Z")
    commit(team, "Say so", day=4)
    assert [(s["version"], s["by"], s["commit"][:4], bool(s["applied"])) for s in stays(team)][
        1:
    ] == [(2, "ada", git(team, "rev-parse", "HEAD")[:4], False), (2, "eve", "unco", True)]
    assert [s["version"] for s in stays(team, "--at", "2026-11-04")] == [1]
    (found,) = stays(team, "--at", "2026-11-06")
    assert (found["by"], found["since"][:10]) == ("eve", "2026-11-05")


def test_a_commit_of_other_files_stands_for_the_one_before(team: Team) -> None:
    """An apply at a commit that left the file alone applied what the file said, whatever time."""
    team.versions(2)
    team.stages(Production=1)
    commit(team, "Start", day=1)
    git(team, "commit", "--quiet", "--allow-empty", "--message", "Else", day=2)
    team.ok("apply")
    team.stages(Production=2)
    commit(team, "Promote", day=2)
    stamped(team, 1, time="2026-10-01T12:00:00Z")
    assert [(s["version"], s["declared"], bool(s["applied"])) for s in stays(team)] == [
        (1, True, True),
        (2, True, False),
    ]


def test_an_old_commit_that_is_applied_again(team: Team) -> None:
    """It is a move of its own, after what was applied before it."""
    team.versions(2)
    commits = []
    for version in (1, 2):
        team.stages(Production=version)
        commits.append(commit(team, f"Promote {version}", day=version))
        team.ok("apply", "--actor", "ada")
    git(team, "checkout", "--quiet", commits[0])
    team.ok("apply", "--actor", "eve")
    git(team, "checkout", "--quiet", "main")
    assert [(s["version"], s["declared"], s["by"]) for s in stays(team)] == [
        (1, True, "ada"),
        (2, True, "ada"),
        (1, False, "eve"),
    ]
    assert "not declared then" in team.ok("history").out


def test_text_and_markdown(told: Team) -> None:
    """People read how long a version stayed; a table in a pipe has one line for each stay."""
    out = told.ok("history", "wind", "production").out.splitlines()
    assert len(out) == 4
    assert "2 days" in out[1]
    assert "5 days" in out[2]
    assert "#12" in out[2]
    assert "still" in out[3]
    assert told.ok("history", "--format", "markdown").out.startswith("| model | stage |")


def test_git_alone(told: Team) -> None:
    """Offline it needs no registry, and no stay is called applied."""
    found = stays(told, "--offline", "--registry", "http://127.0.0.1:9")
    assert [(s["version"], s["by"], s["applied"]) for s in found] == [
        (1, "ada", None),
        (2, "grace", None),
        (1, "linus", None),
    ]


def test_moves_that_only_stamps_know(team: Team) -> None:
    """What was applied from a file that was never committed is listed as such."""
    team.versions(2)
    team.stages(Production=1)
    commit(team, "Start", day=1)
    team.stages(Production=2)
    team.ok("apply", "--actor", "eve")
    git(team, "checkout", "--", "models.yaml")
    assert [(s["version"], s["declared"], s["by"]) for s in stays(team)] == [
        (1, True, "ada"),
        (2, False, "eve"),
    ]
    assert "not committed" in team.ok("history").out


@pytest.mark.parametrize(
    "damage",
    [{"time": "yesterday"}, {"time": 3}, {"actor": None}, {"commit": ["x"]}, {"move": "1"}],
)
def test_a_stamp_edited_by_hand(told: Team, damage: dict[str, Any]) -> None:
    """What is no stamp any more is passed over; the record of the apply still tells the same."""
    stamp = {**(told.tag(2, "Production") or {}), **damage}
    told.set_tag(2, "Production", stamp)
    assert [(s["version"], s["by"]) for s in stays(told)] == [
        (1, "ada"),
        (2, "octocat"),
        (1, "linus"),
    ]


def test_a_branch_counts_when_it_is_merged(team: Team) -> None:
    """What a branch tried is not history; the merge is, under its pull request."""
    team.versions(3)
    team.stages(Production=1)
    commit(team, "Start", day=1)
    git(team, "switch", "--quiet", "--create", "topic")
    for version in (3, 2):
        team.stages(Production=version)
        commit(team, f"Try {version}", day=1 + version)
    git(team, "switch", "--quiet", "main")
    message = "Merge pull request #7 from ada/topic\n\nPromote wind"
    git(team, "merge", "--quiet", "--no-ff", "--message", message, "topic", day=6, author="grace")
    git(team, "revert", "--no-edit", "--mainline", "1", "HEAD", day=7)
    found = stays(team, "--offline")
    assert [(s["version"], s["since"][:10], s["pull_request"]) for s in found] == [
        (1, "2026-11-01", None),
        (2, "2026-11-06", "7"),
        (1, "2026-11-07", None),
    ]
    assert found[1]["subject"] == "Promote wind"


def test_a_broken_revision_and_hostile_text(team: Team) -> None:
    """A file that was broken at a commit is passed over; text from git cannot become markup."""
    team.stages(Production=1)
    commit(team, "Start", day=1)
    team.file.write_text("models: [")
    commit(team, "Break", day=2)
    team.stages(Production=2)
    commit(team, "x", day=3, author="<b>|`\x1b[31m")
    assert [s["version"] for s in stays(team, "--offline")] == [1, 2]
    for form in ("text", "markdown"):
        out = team.ok("history", "--offline", "--format", form).out
        assert "\x1b[31m" not in out
    assert "b\\|\\`" in out


def test_where_there_is_no_history(team: Team) -> None:
    """No repository, no commit, a shallow clone, an unknown name: each says what to do."""
    team.stages(Production=1)
    assert "not a git repository" in team.run("history", "--offline").err
    git(team, "init", "--quiet")
    ran = team.run("history", "--offline")
    assert ran.code == 1
    assert "no commit on this branch has models.yaml; commit it first" in ran.err
    commit(team, "Start", day=1)
    assert "no model 'sun' in the history; known: wind" in team.run("history", "sun").err
    assert "no stage 'Shadow' in the history of wind" in team.run("history", "wind", "Shadow").err
    assert "pass a day" in team.run("history", "--at", "yesterday").err
    team.stages(Production=2)
    commit(team, "More", day=2)
    shallow = team.folder / "shallow"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", f"file://{team.folder}", str(shallow)], check=True
    )
    ran = team.run("history", "--offline", "--file", str(shallow / "models.yaml"))
    assert "fetch-depth: 0" in ran.err


def test_rollback_puts_the_former_version_back(told: Team) -> None:
    """Without a version it is the one before; only that number changes in the file."""
    before = told.file.read_text()
    assert "is back at 2" in told.ok("rollback", "wind", "Production", "2").out
    assert told.file.read_text() == before.replace("Production: 1", "Production: 2")
    commit(told, "Again", day=9)
    assert "is back at 1" in told.ok("rollback", "wind", "Production").out
    assert told.file.read_text() == before
    assert "is already at 1" in told.run("rollback", "wind", "Production", "1").err


def test_going_back_twice_goes_back_two(team: Team) -> None:
    """A second rollback does not go forward to what was wrong."""
    for day, version in enumerate((1, 2, 3), start=1):
        team.stages(Production=version)
        commit(team, f"Promote {version}", day=day)
    for former in (2, 1):
        assert f"is back at {former}" in team.ok("rollback", "wind", "Production").out
        commit(team, "Go back", day=6 - former)
    assert (
        "held nothing before version 1 that git knows of, but for blocked versions and what it was "
        "rolled back from; pass the VERSION to go to"
        in team.run("rollback", "wind", "Production").err
    )


def test_rollback_of_what_is_not_committed(team: Team) -> None:
    """The version before the one in the file is the one that git has; a second goes on."""
    for day, version in enumerate((1, 2), start=1):
        team.stages(Production=version)
        commit(team, f"Promote {version}", day=day)
    team.stages(Production=3)
    for former in (2, 1):
        assert f"is back at {former}" in team.ok("rollback", "wind", "Production").out


def test_rollback_of_an_empty_stage(team: Team) -> None:
    """What it held before it was emptied comes back."""
    for day, version in enumerate((1, 2, None), start=1):
        team.stages(Production=version)
        commit(team, f"Set {version}", day=day)
    assert "is back at 2" in team.ok("rollback", "wind", "Production").out


def test_rollback_follows_the_order_of_commits(team: Team) -> None:
    """Clocks that run backwards and a file that was moved do not change it."""
    for day, version in ((5, 1), (3, 2), (4, 3)):
        team.stages(Production=version)
        commit(team, f"Promote {version}", day=day)
    git(team, "mv", "models.yaml", "all.yaml")
    git(team, "commit", "--quiet", "--message", "Move", day=1)
    assert "is back at 2" in team.ok("rollback", "wind", "Production", "--file", "all.yaml").out


def test_nothing_to_roll_back_to(team: Team) -> None:
    """A stage that never held another version needs a version to be named."""
    team.stages(Production=1)
    commit(team, "Start", day=1)
    ran = team.run("rollback", "wind", "Production")
    assert ran.code == 64
    assert "held nothing before version 1 that git knows of; pass the VERSION to go to" in ran.err
