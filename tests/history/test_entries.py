"""Each change is of the commit that last changed its entry, on real repositories."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.history.test_stays import commit, git

if TYPE_CHECKING:
    from tests.team import Team

TWO = """\
stages: [Staging, Production, Shadow]
models: {{wind: {{stages: {{Production: {wind}}}}}, solar: {{stages: {{Shadow: {solar}}}}}}}
"""


def stamp(team: Team, version: int, stage: str, model: str) -> tuple[object, object, object]:
    """Commit, actor and pull request of a stamp."""
    found = team.tag(version, stage, model)
    assert found is not None
    return found["commit"], found["actor"], found["pull_request"]


@pytest.fixture
def shared(team: Team) -> tuple[str, str]:
    """Two entries that two commits changed, then one that changed neither; none is applied."""
    team.versions(2)
    team.versions(2, "solar")
    team.write(TWO.format(wind=1, solar=1))
    first = commit(team, "Add wind (#1)", day=1, author="ada")
    team.write(TWO.format(wind=1, solar=2))
    second = commit(team, "Promote solar (#2)", day=2, author="bob")
    team.write(TWO.format(wind=1, solar=2) + "# a word\n")
    commit(team, "Comment (#3)", day=3, author="eve")
    return first, second


def test_one_apply_of_several_commits(team: Team, shared: tuple[str, str]) -> None:
    """Each stamp names the commit that asked for the version, its author and pull request."""
    team.ok("apply")
    assert stamp(team, 1, "Production", "wind") == (shared[0], "ada", "1")
    assert stamp(team, 2, "Shadow", "solar") == (shared[1], "bob", "2")


def test_what_left_the_file_is_of_the_commit_that_removed_it(
    team: Team, shared: tuple[str, str]
) -> None:
    """Whoever removed it, and not whoever committed last."""
    team.ok("apply")
    team.write("models: {wind: {stages: {Production: 1}}}")
    gone = commit(team, "Retire solar", day=5, author="lin")
    git(team, "commit", "--quiet", "--allow-empty", "--message", "Later", day=6, author="eve")
    team.ok("apply", "--allow", "empties-production")  # it is not declared any more
    assert stamp(team, 2, "Shadow", "solar") == (gone, "lin", None)
    assert stamp(team, 1, "Production", "wind")[0] == shared[0]


def test_what_is_not_committed_is_of_whoever_applies_it(
    team: Team, shared: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside it, an entry that a commit asked for keeps that commit."""
    monkeypatch.setenv("GITHUB_ACTOR", "judy")
    team.write(TWO.format(wind=2, solar=2))
    team.ok("apply")
    assert stamp(team, 2, "Production", "wind") == ("uncommitted", "judy", None)
    assert stamp(team, 2, "Shadow", "solar") == (shared[1], "bob", "2")


def test_who_is_named_is_recorded(team: Team, shared: tuple[str, str]) -> None:
    """For every change; what is not named still comes from the entry."""
    team.ok("apply", "--actor", "drift-healer")
    assert stamp(team, 1, "Production", "wind") == (shared[0], "drift-healer", "1")
    team.write(TWO.format(wind=2, solar=1))
    team.ok("apply", "--commit", "c0ffee", "--actor", "judy", "--pull-request", "9")
    assert stamp(team, 2, "Production", "wind") == ("c0ffee", "judy", "9")
    assert stamp(team, 1, "Shadow", "solar") == ("c0ffee", "judy", "9")


@pytest.mark.usefixtures("shared")
def test_what_undoes_drift_says_so(team: Team) -> None:
    """No commit asked for it: its reason is what somebody did by hand, not what the commit was."""
    team.ok("apply")
    team.client.set_registered_model_alias("wind", "production", "2")
    changes = team.ok("apply", "--format", "json").document["changes"]
    assert [one["commit_reason"] for one in changes] == [
        "undoes drift: the stage was moved to version 2 outside models.yaml"
    ]


def test_a_shallow_clone_says_that_it_does_not_know(
    team: Team, shared: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the commit that it applies, and credits nobody with what came before."""
    clone = team.folder / "shallow"
    command = ["git", "clone", "--quiet", "--depth", "1", team.folder.as_uri(), str(clone)]
    subprocess.run(command, check=True)
    monkeypatch.chdir(clone)
    monkeypatch.setenv("GITHUB_ACTOR", "judy")
    ran = team.ok("apply", "--state", str(team.folder / ".mlgitops"))
    assert "warning: stamps name the commit that is checked out, not each change's" in ran.err
    assert "fetch-depth: 0" in ran.err
    head = git(team, "rev-parse", "HEAD")
    assert head not in shared
    assert stamp(team, 1, "Production", "wind") == (head, "judy", None)


@pytest.mark.parametrize("content", ["{", "[]", '{"kind": "mlgitops authors", "version": 2}'])
def test_a_file_that_tells_of_no_authors(team: Team, content: str) -> None:
    """It is one clear error, and nothing is changed."""
    team.versions(1)
    team.stages(Production=1)
    (team.folder / "authors.json").write_text(content)
    ran = team.run("apply", "--authors", "authors.json")
    assert ran.code == 1
    assert "authors.json does not say whose changes they are" in ran.err
    assert "cannot read no.json" in team.run("apply", "--authors", "no.json").err
    assert team.aliases() == {}
