"""`mlgitops doctor registry`: what an account may do, told by MLflow's own authentication."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.registry.asked import ours
from tests.registry.conftest import ADMIN, IN_DEFAULT, READER
from tests.registry.test_logins import log_in
from tests.team import Team

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registry.conftest import Guarded

pytestmark = pytest.mark.xdist_group("guarded")
TEAM_D, MODEL = "team-d", "turbine"


@pytest.fixture
def asking(
    guarded: Guarded,
    variables: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Team:
    """A team with a models.yaml, asking for the workspace that is its own."""
    variables.chdir(tmp_path)
    variables.setenv("MLFLOW_TRACKING_URI", guarded.url)
    team = Team(folder=tmp_path, uri=guarded.url, capsys=capsys)
    team.write(f"owner: me\nmodels: {{{IN_DEFAULT}: {{stages: {{Production: 1}}}}}}\n")
    return team


def found(team: Team, *options: str) -> dict[str, tuple[str, str]]:
    """Verdict and text of each check of the registry."""
    document = team.run("doctor", "registry", *options, "--format", "json").document
    return {one["check"]: (one["verdict"], one["found"]) for one in document["findings"]}


def test_an_administrator(asking: Team, variables: pytest.MonkeyPatch) -> None:
    """Who asks, MLflow's version, and that everything is allowed; nothing is written."""
    log_in(variables)
    before = ours().held()
    ran = asking.run("doctor", "registry", "--for", "apply")
    assert ran.code == 0, ran.out
    assert f"{ADMIN[0]}, an administrator" in ran.out
    assert "3.17.2" in ran.out
    assert "0 failed, 0 not checkable" in ran.out
    assert ADMIN[1] not in ran.out + ran.err
    assert ours().held() == before


def test_no_login(asking: Team) -> None:
    """A registry that asks for a login which nobody gave is one failure, with what to set."""
    ran = asking.run("doctor", "registry")
    assert ran.code == 1
    assert "set MLFLOW_TRACKING_USERNAME" in ran.out


def test_what_an_account_was_granted(
    asking: Team, guarded: Guarded, variables: pytest.MonkeyPatch
) -> None:
    """To read is enough for a plan, and not for an apply, which needs EDIT and to create models."""
    guarded.post("3.0/mlflow/workspaces", {"name": TEAM_D})
    guarded.post("2.0/mlflow/registered-models/create", {"name": MODEL}, TEAM_D)
    asking.write(f"owner: me\nmodels: {{{MODEL}: {{stages: {{Production: 1}}}}}}\n")
    variables.setenv("MLFLOW_WORKSPACE", TEAM_D)
    log_in(variables, *READER)

    assert found(asking)["read"][0] == "failed"  # nothing is granted yet

    _grant(guarded, "READ")
    plain = found(asking)
    assert plain["account"] == ("passed", READER[0])
    assert plain["read"] == ("passed", "1 declared model, all registered")
    assert plain["write"][0] == "passed"
    assert "may not move the aliases of 1 of 1 model; plan need not" in plain["write"][1]
    assert found(asking, "--for", "apply")["write"] == (
        "failed",
        f"{READER[0]} may not move the aliases of 1 of 1 model: {MODEL}",
    )

    _grant(guarded, "EDIT", instead_of="READ")
    allowed = found(asking, "--for", "apply")
    assert allowed["write"][0] == "passed"
    assert allowed["create"][0] != "passed"  # a grant on a model lets nobody create another
    tried = found(asking, "--for", "apply", "--write")["create by --write"]
    assert tried[0] == "failed"
    assert "denied access (403)" in tried[1]


def _grant(guarded: Guarded, permission: str, instead_of: str = "") -> None:
    on = {"username": READER[0], "resource_type": "registered_model", "resource_id": MODEL}
    if instead_of:
        guarded.post("3.0/mlflow/users/permissions/revoke", on, TEAM_D)
    guarded.post("3.0/mlflow/users/permissions/grant", {**on, "permission": permission}, TEAM_D)


def test_a_model_that_is_created_and_removed(asking: Team, variables: pytest.MonkeyPatch) -> None:
    """With --write, and it leaves nothing behind."""
    log_in(variables)
    before = ours().held()
    assert found(asking, "--write")["create by --write"] == (
        "passed",
        "created a model and removed it",
    )
    assert ours().held() == before
