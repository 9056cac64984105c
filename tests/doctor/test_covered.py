"""`mlgitops doctor file` where models.yaml includes files: workflows and owners know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pathspec
import pytest

from mlgitops.doctor.covered import covered, owners_of
from tests.doctor.test_machine import verdicts
from tests.history.test_stays import git

if TYPE_CHECKING:
    from tests.team import Team

MODELS = "models: {wind: {stages: {}}}\n"


@pytest.fixture
def teams(team: Team) -> Team:
    """A repository whose models.yaml includes files of another folder than models/."""
    team.write("version: 2\ninclude: teams/**/*.yaml\nmodels: {}\n")
    write(team, "teams/a/wind.yaml", MODELS)
    git(team, "init", "--quiet")
    return team


def findings(team: Team) -> dict[str, tuple[str, str, str]]:
    """Verdict, finding and remedy of each check."""
    return {one.check: (one.verdict, one.found, one.remedy) for one in covered(team.file)}


def write(team: Team, path: str, text: str) -> None:
    """Write a file of the repository."""
    (team.folder / path).parent.mkdir(parents=True, exist_ok=True)
    (team.folder / path).write_text(text)


@pytest.mark.parametrize(
    ("paths", "starts"),
    [
        ('[models.yaml, "models/**", "training/**"]', False),
        ('[models.yaml, "teams/a/**"]', False),  # and on no other team's
        ('[models.yaml, "teams/*.yaml"]', False),
        ('["**.yaml", "!teams/**"]', False),
        ('[models.yaml, "teams/**"]', True),
        ('["**/*.yaml"]', True),
        ('["**.ya?ml"]', True),
        ('["!**.yaml", "**/*.y[a-c]ml", "teams/**"]', True),
        ('["training/**"]', None),  # it is about something else
    ],
)
def test_a_workflow_that_starts_on_models_yaml_starts_on_the_rest(
    teams: Team, paths: str, starts: bool | None
) -> None:
    """By GitHub's patterns, for the files that are there and for those that somebody adds."""
    write(teams, ".github/workflows/apply.yml", f"on:\n  push:\n    paths: {paths}\njobs: {{}}\n")
    write(teams, ".github/workflows/other.yml", "on: [push, pull_request]\njobs: {}\n")
    found = findings(teams).get("workflows")
    if starts is None:
        assert found is None
    elif starts:
        assert found == (
            "passed",
            "those that start on models.yaml start on what it includes",
            "",
        )
    else:
        assert found == (
            "failed",
            ".github/workflows/apply.yml does not start on a push of every file that include "
            "names: teams/**/*.yaml",
            "name these in `paths` of its `on: push`, as models.yaml",
        )


def test_paths_that_are_ignored(teams: Team) -> None:
    """They say the same the other way round; YAML that is broken is said to be so."""
    said = "'on':\n  pull_request:\n    paths-ignore: ['teams/a/*']\njobs: {}\n"
    write(teams, ".github/workflows/plan.yaml", said)
    verdict, text, remedy = findings(teams)["workflows"]
    assert (verdict, "does not start on a pull_request of every" in text) == ("failed", True)
    assert "paths" in remedy
    write(teams, ".github/workflows/plan.yaml", "on: [")
    verdict, text, _ = findings(teams)["workflows"]
    assert (verdict, "plan.yaml cannot be read" in text) == ("not checkable from here", True)


@pytest.mark.parametrize(
    ("rules", "owners"),
    [
        ("* @acme/platform\n/models/ @acme/science\n", "@acme/platform"),
        ("# teams\n/teams/ @acme/a @acme/b # both\n", "@acme/a, @acme/b"),
        ("/teams/**/*.yaml @acme/a\n", "@acme/a"),
        ("*.yaml @acme/a\n", "@acme/a"),
        ("teams @acme/a\n", "@acme/a"),
        ("* @acme/platform\n/teams/\n", ""),  # nobody's, on purpose
        ("/teams/a/ @acme/a\n", ""),
        ("/teams/* @acme/a\n", ""),
        ("/models/ @acme/science\n", ""),
    ],
)
def test_each_file_has_an_owner(teams: Team, rules: str, owners: str) -> None:
    """By the last rule that matches; who they are is told."""
    write(teams, ".github/CODEOWNERS", rules)
    found = findings(teams)["owners of files"]
    if owners:
        assert found == ("passed", f"teams/**/*.yaml: {owners}", "")
    else:
        said = ".github/CODEOWNERS gives nobody what include names: teams/**/*.yaml"
        assert found == ("failed", said, "add lines such as `/models/ @acme/data-science`")


def test_nothing_is_said_where_nothing_is_included(team: Team) -> None:
    """Nor where there is no CODEOWNERS, which the area github tells."""
    team.write("version: 2\nmodels: {}\n")
    git(team, "init", "--quiet")
    write(team, ".github/workflows/apply.yml", "on: {push: {paths: [models.yaml]}}\njobs: {}\n")
    assert findings(team) == {}


def test_the_verb_tells(teams: Team) -> None:
    """In the area of the file, beside its form and its owner."""
    write(teams, ".github/workflows/apply.yml", "on: {push: {paths: [models.yaml]}}\njobs: {}\n")
    write(teams, ".github/CODEOWNERS", "* @acme/platform\n")
    found = verdicts(teams, "file")
    assert (found["workflows"][0], found["owners of files"][0]) == ("failed", "passed")


PATTERNS = (
    "*",
    "/a",
    "a/",
    "/a/b",
    "*.yaml",
    "/a/**/c",
    "**/c.yaml",
    "b?.yaml",
    "/a/b/",
    "a/*.yaml",
)
PATHS = (
    "a",
    "a/b",
    "a/b/c",
    "a/b/c.yaml",
    "c.yaml",
    "x/a/b",
    "b1.yaml",
    "x/b1.yaml",
    "a/c",
    "a.yaml",
)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_of_owners_are_those_of_gitignore(pattern: str) -> None:
    """But for `/*`, which names no folders there."""
    spec = pathspec.GitIgnoreSpec.from_lines([pattern])
    for path in PATHS:
        rule = [[pattern, "@acme"]]
        assert bool(owners_of(rule, path)) is spec.match_file(path), path
