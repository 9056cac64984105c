"""Why a stage changed: the trailer `Reason:` of the commit, from there into every record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.history.reasons import under_review
from mlgitops.history.revisions import revisions_of
from tests.history.test_stays import commit, git, stays

if TYPE_CHECKING:
    from tests.team import Team


def declared(team: Team, version: int, message: str, *, day: int = 1) -> str:
    """Commit another version of Production."""
    team.stages(Production=version)
    return commit(team, message, day=day)


def reasons(team: Team) -> list[str]:
    """The reasons of the commits that changed models.yaml, oldest first."""
    return [revision.reason for revision in revisions_of(team.file)]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Go back\n\nReason: it drifts", "it drifts"),
        ("Go back\n\nText.\n\nreason:  it drifts \nSigned-off-by: Ada <a@b>", "it drifts"),
        ("Go back\n\nReason: it\n drifts", "it drifts"),
        ("Go back\n\nReason: old\nReason: it drifts", "it drifts"),
        ("Reason: a subject is no trailer", ""),
        ("Go back\n\nReason: this is prose.\n\nThe end.", ""),
        ("Go back\n\nReason: \x1b[31mred\x1b[0m \u202eder", "[31mred [0m der"),
        (
            f"Go back\n\nReason: {'very ' * 60}late",
            "very " * 39 + "very…",
        ),
    ],
)
def test_a_reason_is_what_git_takes_for_a_trailer(team: Team, message: str, reason: str) -> None:
    """On one line, of printable characters, and not longer than a stamp has room for."""
    declared(team, 1, message)
    assert reasons(team) == [reason]


def test_the_settings_of_git_change_nothing(team: Team) -> None:
    """Neither what separates trailers, nor how patterns are read."""
    declared(team, 1, "Start\n\nReason: a beginning")
    git(team, "config", "trailer.separators", "=")
    git(team, "config", "grep.patternType", "perl")
    assert reasons(team) == ["a beginning"]


def test_a_merge_has_the_reason_of_its_branch(team: Team) -> None:
    """The newest that a commit gives which changed the file; its own comes first."""
    declared(team, 1, "Start")
    base = git(team, "rev-parse", "HEAD")
    git(team, "switch", "--quiet", "--create", "other")
    declared(team, 3, "Try 3\n\nReason: older")
    declared(team, 2, "Promote 2\n\nReason: newer")
    git(team, "commit", "--quiet", "--allow-empty", "--message", "Wait\n\nReason: of nothing")
    assert under_review(team.file, base) == "newer"
    git(team, "switch", "--quiet", "main")
    git(team, "merge", "--quiet", "--no-ff", "--message", "Merge pull request #7 from a/b", "other")
    git(team, "switch", "--quiet", "--create", "third")
    declared(team, 4, "Promote 4\n\nReason: of the branch")
    git(team, "switch", "--quiet", "main")
    message = "Merge pull request #8 from a/b\n\nPromote 4\n\nReason: of the merge"
    git(team, "merge", "--quiet", "--no-ff", "--message", message, "third")
    assert reasons(team) == ["", "newer", "of the merge"]
    assert under_review(team.file, "HEAD") == ""


def test_it_goes_into_stamp_record_and_reports(team: Team) -> None:
    """Of the commit that asks for the change, such as a `git revert` with the trailer."""
    team.versions(2)
    declared(team, 1, "Start")
    declared(team, 2, "Promote 2", day=2)
    team.ok("apply")
    why = "leaks the future"
    git(team, "revert", "--no-commit", "HEAD")
    git(team, "commit", "--quiet", "--message", f"Go back\n\nReason: {why}", day=3)
    (change,) = team.ok(*("plan", "--quick", "--base", "HEAD~1", "--format", "json")).document[
        "changes"
    ]
    assert change["commit_reason"] == why
    assert f"reason: {why}" in team.ok("apply").out
    assert (team.tag(1, "Production") or {})["reason"] == why
    (stage,) = team.ok("status", "--format", "json").document["stages"]
    assert stage["stamp"]["reason"] == why
    assert [stay["reason"] for stay in stays(team)] == [None, None, why]
    assert why in team.ok("history").out
    table = team.folder / "all.csv"
    team.ok("history", "--export", str(table))
    assert f",{why}," in table.read_text()
