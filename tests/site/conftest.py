"""A team whose stages have a history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.history.test_stays import commit

if TYPE_CHECKING:
    from tests.team import Team

SOAK = "Production: [{promoted_from: Staging, soak: 7d}]"
FILE = """\
version: 2
models:
  wind:
    description: Daily power <of> the farm
    owners: ["@wind-team"]
    gates: {%s}
    stages: {Staging: %s, Production: %s}
  waves:
    blocked: {1: it drowned}
    stages: {}
"""


@pytest.fixture
def told(team: Team) -> Team:
    """Production held 1, then 2, then 1 again; 3 soaks in Staging, somebody moved another model."""
    for number in (1, 2, 3):
        measured = {"test_mae": 1.0 / number, "test_r2": 0.5 + number / 10}
        team.version(metrics=measured, params={"max_depth": f"{number}"})
    team.version("waves")
    for day, declared in enumerate([("", 1, 1), ("", 2, 2), (SOAK, 3, 1)], start=1):
        team.write(FILE % declared)
        commit(team, f"Promote (#{day})", day=day)
        team.run("apply", "--actor", "grace", "--allow", "unmanaged")
    team.client.set_registered_model_alias("waves", "production", "1")
    return team
