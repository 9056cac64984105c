"""Hosts that do not answer, by what people type: told, and no reason for the rest to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.team import Team

HOST = "tcp://127.0.0.1:1"
TEXT = f"""\
version: 2
stages: [Staging, {{name: Production, production: true}}]
models: {{wind: {{stages: {{Production: 1}}}}}}
deployments:
  edge: {{kind: docker, hosts: ["{HOST}"], stages: [Production], ports: {{wind: 5001}}}}
"""


@pytest.fixture
def edge(team: Team) -> Team:
    """A team with a stage that is filled, and a deployment that is down."""
    team.versions(1)
    team.write(TEXT)
    team.ok("apply")
    return team


def test_a_deploy_of_nothing(team: Team) -> None:
    """A file that declares none is no error; a name that it does not declare is."""
    team.versions(1)
    team.stages(Production=1)
    assert "declares no deployments; nothing to do" in team.ok("deploy").err
    assert team.run("deploy", "edge").code == 64


def test_a_host_that_is_down(edge: Team) -> None:
    """It is a trouble of the plan, unknown to status, and 4 for a deploy that tells what to do."""
    planned = edge.run("deploy", "--plan", "--exit-code", "--format", "json")
    assert planned.code == 2
    (step,) = planned.document["steps"]
    assert step["trouble"].startswith(f"{HOST} does not answer: ")
    (served,) = edge.ok("status", "--format", "json").document["deployments"]
    assert (served["state"], served["place"]) == ("unknown", HOST)
    assert edge.ok("status", "--no-deployments", "--format", "json").document["deployments"] == []
    assert "unknown" in edge.ok("status").out
    ran = edge.run("deploy")
    assert ran.code == 4
    assert f"wind Production in {HOST}: {HOST} does not answer: " in ran.err
    assert "catches up" in ran.err
    (outcome,) = edge.run("deploy", "--format", "json").document["outcomes"]
    assert (outcome["exit_code"], outcome["step"]["new"]) == (4, "1")
