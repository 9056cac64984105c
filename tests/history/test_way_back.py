"""Ways back: what a rollback of each production stage returns to, and whether it can."""

from __future__ import annotations

import re
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy

from tests.history.test_stays import commit

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.proxy import Proxy
    from tests.team import Team

OTHER = "`mlgitops rollback wind Production VERSION` takes another"


def applied(team: Team, *versions: int) -> None:
    """Put one version after the other into production, each by a commit of its own."""
    for day, version in enumerate(versions, start=1):
        team.stages(Production=version)
        commit(team, f"Put {version} into production", day=day)
        team.ok("apply")


def way_back(team: Team) -> Any:
    """What `mlgitops status` says of the production stage of wind."""
    (stage,) = team.ok("status", "wind", "--format", "json").document["stages"]
    return stage["way_back"]


def deleted(team: Team) -> str:
    """Delete version 1; why there is no way back then."""
    team.client.delete_model_version("wind", "1")
    return "version 1 does not exist or was deleted"


def not_ready(team: Team) -> str:
    """Let the registration of version 1 fail; no client can."""
    engine = sqlalchemy.create_engine(team.uri)
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text("UPDATE model_versions SET status = 'FAILED_REGISTRATION' "
                            "WHERE name = 'wind' AND version = 1")
        )  # fmt: skip
    engine.dispose()
    return "version 1 is FAILED_REGISTRATION, not READY"


def without_artifacts(team: Team) -> str:
    """Delete the artifacts of version 1."""
    rmtree(team.payload(1))
    return (
        "version 1 cannot be used: it has no MLmodel file: its artifacts were deleted, or it is no "
        "MLflow model; restore its artifacts"
    )


@pytest.mark.parametrize("break_version", [deleted, not_ready, without_artifacts])
def test_no_way_back_is_said_with_the_cause_and_what_to_do(
    team: Team, break_version: Callable[[Team], str]
) -> None:
    """By status and by the report of the next plan."""
    team.versions(3)
    applied(team, 1, 2)
    assert way_back(team) == {"version": 1, "blocked": None, "unchecked": None}
    assert "way back" not in team.ok("status").out
    blocked = f"{break_version(team)}; {OTHER}"
    assert way_back(team) == {"version": 1, "blocked": blocked, "unchecked": None}
    assert f"no way back: {blocked}" in team.ok("status").out

    team.stages(Production=3)
    assert "(models.yaml:4, way back: version 2)" in team.ok("plan", "--quick").out


def test_a_plan_that_leaves_no_way_back_says_so(team: Team) -> None:
    """It replaces a version that nobody could return to, which is a reason to replace it."""
    team.versions(2)
    applied(team, 1)
    without_artifacts(team)
    team.stages(Production=2)
    plan = team.ok("plan", "--quick").out
    assert "[no way back: version 1 cannot be used: it has no MLmodel" in plan
    (change,) = team.ok("plan", "--quick", "--format", "json").document["changes"]
    assert change["way_back"]["version"] == 1
    assert OTHER in change["way_back"]["blocked"]
    assert "no way back" in team.ok("plan", "--quick", "--format", "markdown").out


def test_the_first_version_of_a_stage_has_none_before_it(team: Team) -> None:
    """That is nothing to repair: the plan mentions it, and status has no note."""
    team.versions(1)
    team.stages(Production=1)
    assert "way back: none, it is the first" in team.ok("plan", "--quick").out
    team.ok("apply")
    assert way_back(team) == {"version": None, "blocked": None, "unchecked": None}


def test_only_production_stages_that_are_managed_are_asked_for(team: Team) -> None:
    """Not Staging, an empty stage, or what others set up."""
    team.versions(2)
    team.version("theirs")
    team.client.set_registered_model_alias("theirs", "production", "1")
    team.stages(Staging=2, Production=None)
    team.ok("apply")
    stages = team.ok("status", "--format", "json").document["stages"]
    assert [stage["way_back"] for stage in stages] == [None, None, None]


@pytest.mark.parametrize(
    "versions", [(1, 2), (1, 2, 3), (1, 2, 1), (1, 2, 3, 2), (1, 2, 3, 2, 3), (2, 1, 3), (3, 2)]
)
def test_it_is_the_version_that_rollback_writes(team: Team, versions: tuple[int, ...]) -> None:
    """After promotions and rollbacks, in a clone that knows the history."""
    team.versions(3)
    applied(team, *versions)
    told = way_back(team)["version"]
    ran = team.run("rollback", "wind", "Production")
    found = re.search(r"is back at (\d+)", ran.out)
    assert told == (int(found[1]) if found else None)


def test_a_version_moved_by_hand_is_none_to_return_to(team: Team) -> None:
    """Not while it stands there, nor after it was healed, although the stamp names it."""
    team.versions(3)
    applied(team, 1, 2)
    team.client.set_registered_model_alias("wind", "production", "3")
    assert way_back(team)["version"] == 2
    team.ok("apply")
    assert way_back(team)["version"] == 1


def test_a_deleted_version_of_before_a_rollback_is_missed(team: Team) -> None:
    """Its stamp went with it; git still names it."""
    team.versions(3)
    applied(team, 1, 2, 3, 2)
    deleted(team)
    assert way_back(team)["blocked"].startswith("version 1 does not exist")


def test_without_git_stamps_tell_all_but_what_was_before_a_rollback(team: Team) -> None:
    """That is said, and nothing is guessed."""
    team.versions(2)
    for version in (1, 2):
        team.stages(Production=version)
        team.ok("apply")
    assert way_back(team)["version"] == 1
    team.stages(Production=1)
    team.ok("apply")
    assert way_back(team) == {
        "version": None,
        "blocked": None,
        "unchecked": "without git's history nobody knows where it leads",
    }


@pytest.mark.xdist_group("server")
def test_it_costs_a_request_for_each_payload_and_none_for_versions(
    remote: Team, proxied: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that are read anyway tell of versions; of many, payloads are looked for if asked."""
    names = [f"model-{number}" for number in range(4)]
    for name in names:
        remote.versions(2, name)
    for version in (1, 2):
        body = "\n".join(f"  {name}: {{stages: {{Production: {version}}}}}" for name in names)
        remote.write(f"models:\n{body}\n")
        remote.ok("apply", "--allow", "many-changes")
    proxied.reset()
    assert remote.ok("status").err == ""
    assert [path for _, path in proxied.seen[3:]] == ["/model-versions/get-artifact"] * 4

    monkeypatch.setattr("mlgitops.cli.status.FEW", 3)
    proxied.reset()
    ran = remote.ok("status")
    assert "the payloads of 4 versions to roll back to were not looked for" in ran.err
    assert len(proxied.seen) == 3
    assert remote.ok("status", "--payloads").err == ""
