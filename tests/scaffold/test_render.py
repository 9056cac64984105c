"""Files from templates: this repository's own, and those of teams."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from harness.templates import OWN, out_of_date
from mlgitops.file import importing, schema
from mlgitops.scaffold import render
from mlgitops.scaffold.answers import Answers, GitHub


def test_this_repository_has_its_workflows_from_the_templates() -> None:
    """What the templates say of this repository is what lies in it, byte for byte."""
    assert out_of_date() == {}
    assert {name.rpartition("/")[2] for name in render.github(OWN)} >= {"plan.yml", "apply.yml"}


@pytest.mark.parametrize("github", GitHub)
def test_a_team_gets_yaml_that_runs_only_mlgitops(github: GitHub) -> None:
    """No mark of a template is left, and nothing runs but mlgitops and what installs it."""
    for name, text in render.github(Answers(github=github)).items():
        if name.endswith(".py"):
            continue
        parsed = yaml.safe_load(text)
        assert not re.search("<%|%>|nox|STACK", text), name
        groups = parsed["jobs"].values() if "jobs" in parsed else [parsed["runs"]]
        runs = [step["run"] for group in groups for step in group["steps"] if "run" in step]
        assert all(
            re.match(r'mlgitops |exit 1$|python3 -I "\$GITHUB_ACTION_PATH/install.py"$', run)
            for run in runs
        )


def test_an_editor_finds_the_schema_of_a_team_without_this_repository() -> None:
    """It is in theirs, where the first line of models.yaml says, as of one that was imported."""
    team = render.team(Answers())
    head = "# yaml-language-server: $schema=./"
    path = team["models.yaml"].splitlines()[0].removeprefix(head)
    assert json.loads(team[path]) == schema.json_schema()
    assert importing.HEADER.startswith(f"{head}{path}\n")
    included = json.loads(team[importing.OF_INCLUDED])
    assert included == schema.included_json_schema()
    assert render.is_maintained(path)
    assert render.is_maintained(importing.OF_INCLUDED)
