"""Versions whose payload is gone: what plan says, and what apply refuses."""

from __future__ import annotations

import sys
from shutil import rmtree
from typing import TYPE_CHECKING

import pytest

from tests.proxy import HangUpError, failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.proxy import Answered, Asked, PassOn, Proxy
    from tests.team import Team

GUARD = "the guard missing-payload refused"


def delete(team: Team) -> None:
    """As MLflow lets everybody do who can reach the store."""
    rmtree(team.payload(2))


def spoil(team: Team) -> None:
    """An upload that went wrong."""
    (team.payload(2) / "MLmodel").write_text("flavors: [")


@pytest.fixture(params=["team", "remote"])
def anywhere(request: pytest.FixtureRequest) -> Team:
    """A team with an embedded registry, and one with a server."""
    found: Team = request.getfixturevalue(request.param)
    found.versions(2)
    found.stages(Production=1)
    found.ok("apply")
    return found


@pytest.mark.xdist_group("server")
@pytest.mark.parametrize("break_payload", [delete, spoil])
def test_a_version_whose_payload_is_gone_or_unreadable_is_not_promoted(
    anywhere: Team, break_payload: Callable[[Team], None]
) -> None:
    """Plan and apply name the guard, the stage, the cause and what to do; by name it is allowed."""
    anywhere.stages(Production=2)
    break_payload(anywhere)

    for verb in (["plan", "--quick"], ["apply"]):
        ran = anywhere.run(*verb)
        assert ran.code == 3, ran.out
        assert f"models.yaml:4:7: {GUARD} wind Production: " in ran.err
        assert "nothing was changed" in ran.err
        assert "version 2 cannot be used: it" in ran.err
        assert "MLmodel file" in ran.err
        assert "restore its artifacts, or pass --allow missing-payload or set" in ran.err
    assert anywhere.aliases() == {"production": 1}

    anywhere.ok("apply", "--allow", "missing-payload")
    assert anywhere.aliases() == {"production": 2}


def test_the_full_plan_says_so_too(team: Team) -> None:
    """Also where a gate asks for the signature, which it then does not find."""
    team.versions(2)
    team.stages(Production=1)
    team.ok("apply")
    team.write(
        "models: {wind: {gates: {Production: [{signature: compatible, mode: warn}]}, "
        "stages: {Production: 2}}}"
    )
    delete(team)
    ran = team.run("plan", "--format", "json")
    assert ran.code == 3
    (objection,) = ran.document["guards"]
    assert objection["guard"] == "missing-payload"
    assert (objection["model"], objection["stage"]) == ("wind", "Production")


def test_rollbacks_and_heals_to_a_payload_that_is_gone_are_refused(team: Team) -> None:
    """They pass gates, but what nobody can load serves nobody."""
    team.versions(2)
    for version in (2, 1, 2):
        team.stages(Production=version)
        team.ok("apply")
    team.client.set_registered_model_alias("wind", "production", "1")
    delete(team)
    assert GUARD in team.run("apply", "--rollback").err  # heals
    team.ok("apply", "--allow", "missing-payload")
    team.stages(Production=1)
    team.ok("apply")
    team.stages(Production=2)
    assert GUARD in team.run("apply", "--rollback").err


def test_a_promotion_away_from_a_payload_that_is_gone_is_applied(team: Team) -> None:
    """The signature gate has nothing to compare with, and says so."""
    team.versions(2)
    team.stages(Production=2)
    team.ok("apply")
    delete(team)
    team.version()
    signature = 'signature:\n  inputs: \'[{"type": "double", "name": "wind"}]\'\n'
    (team.payload(3) / "MLmodel").write_text(f"flavors: {{}}\n{signature}")
    team.write(
        "models: {wind: {gates: {Production: [{signature: compatible}]}, stages: {Production: 3}}}"
    )
    assert "the current version has no signature" in team.ok("apply", "--format", "markdown").out


def test_a_run_that_was_deleted_takes_no_payload_with_it(anywhere: Team) -> None:
    """MLflow keeps the artifacts until `mlflow gc`."""
    run = anywhere.client.get_model_version("wind", "2").run_id
    anywhere.client.delete_run(str(run))
    anywhere.stages(Production=2)
    anywhere.ok("apply")


def test_what_cannot_be_checked_from_here_is_applied_and_said(anywhere: Team) -> None:
    """A store whose client package is missing here says nothing of the payload."""
    anywhere.client.create_model_version("wind", "s3://bucket/model", await_creation_for=0)
    anywhere.stages(Production=3)
    said = "it is not known whether the payload is there: "
    plan = anywhere.ok("plan", "--quick").out
    assert said in plan
    assert "pip install boto3" in plan
    (change,) = anywhere.ok("plan", "--quick", "--format", "json").document["changes"]
    assert "boto3" in change["payload_unchecked"]
    assert said in anywhere.ok("apply").out


@pytest.mark.xdist_group("server")
def test_a_server_that_sends_no_artifacts_is_gone_around(remote: Team, proxied: Proxy) -> None:
    """Clients that use the version go to its store by themselves; so does the check."""

    def refusing(asked: Asked, pass_on: PassOn) -> Answered:
        return failure(500) if asked.path.endswith("get-artifact") else pass_on(asked)

    remote.versions(2)
    remote.stages(Production=1)
    proxied.meddle = refusing
    remote.ok("apply")
    delete(remote)
    remote.stages(Production=2)
    assert remote.run("apply").code == 3


@pytest.mark.xdist_group("server")
def test_a_server_that_waits_for_a_store_is_not_waited_for(remote: Team, proxied: Proxy) -> None:
    """Where only clients reach the store, it tries for minutes; it is not asked a second time."""

    def silent(asked: Asked, pass_on: PassOn) -> Answered:
        if asked.path.endswith("get-artifact"):
            raise HangUpError
        return pass_on(asked)

    models = [f"model-{number}" for number in range(20)]
    for name in models:
        remote.versions(1, name)
    body = "".join(f"  {name}: {{stages: {{Staging: 1}}}}\n" for name in models)
    remote.write(f"models:\n{body}")
    proxied.meddle = silent
    proxied.reset()
    remote.ok("apply", "--allow", "many-changes")
    asked = [path for _, path in proxied.seen if path.endswith("get-artifact")]
    assert 1 <= len(asked) <= 8  # as many as are asked at the same time


@pytest.mark.xdist_group("server")
def test_without_mlflow_the_word_of_the_server_counts(
    remote: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare install asks over HTTP alone; what the server does not say is not known."""
    remote.versions(2)
    remote.client.create_model_version("wind", "s3://bucket/model", await_creation_for=0)
    remote.stages(Production=1)
    remote.ok("apply")
    delete(remote)
    stores = "mlflow.store.artifact.artifact_repository_registry"
    monkeypatch.setitem(sys.modules, stores, None)
    remote.stages(Production=2)
    assert GUARD in remote.run("apply").err
    remote.stages(Production=3)
    assert "pip install mlflow" in remote.ok("apply").out
