"""Files from templates: this repository's own, and those of teams."""

from __future__ import annotations

import re

import pytest
import yaml

from harness.templates import OWN, out_of_date
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
