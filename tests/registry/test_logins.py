"""Logins, workspaces and paths mean over plain HTTP what they mean to MLflow's own client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.cli import run
from mlgitops.errors.registry import (
    RegistryDeniedError,
    RegistryGoneError,
    RegistryNotFoundError,
    RegistryRequestError,
)
from tests.registry.asked import both_fail, both_hold, ours, theirs
from tests.registry.conftest import ADMIN, IN_DEFAULT, IN_WORKSPACE, READER, WORKSPACE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registry.conftest import Guarded

pytestmark = pytest.mark.xdist_group("guarded")


def log_in(patch: pytest.MonkeyPatch, name: str = ADMIN[0], password: str = ADMIN[1]) -> None:
    """Log in by variables."""
    patch.setenv("MLFLOW_TRACKING_USERNAME", name)
    patch.setenv("MLFLOW_TRACKING_PASSWORD", password)


def test_the_path_of_an_address_counts(variables: pytest.MonkeyPatch, guarded: Guarded) -> None:
    """A server below a prefix is found there, with and without a slash at its end."""
    log_in(variables)
    for uri in (guarded.url, guarded.url + "/"):
        variables.setenv("MLFLOW_TRACKING_URI", uri)
        assert both_hold() == {IN_DEFAULT}
    variables.setenv("MLFLOW_TRACKING_URI", guarded.url.removesuffix("/mlflow"))
    assert both_fail() is RegistryNotFoundError


def test_name_and_password(variables: pytest.MonkeyPatch, guarded: Guarded) -> None:
    """Of the variables; a wrong one, one without the other and none at all are denied."""
    variables.setenv("MLFLOW_TRACKING_URI", guarded.url)
    assert both_fail() is RegistryDeniedError
    variables.setenv("MLFLOW_TRACKING_USERNAME", ADMIN[0])
    assert both_fail() is RegistryDeniedError
    variables.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    assert both_fail() is RegistryDeniedError
    log_in(variables)
    assert both_hold() == {IN_DEFAULT}


def test_an_account_without_access(variables: pytest.MonkeyPatch, guarded: Guarded) -> None:
    """What it may not read or write is denied, both ways."""
    variables.setenv("MLFLOW_TRACKING_URI", guarded.url)
    log_in(variables, *READER)
    for registry in (ours(), theirs()):
        with pytest.raises(RegistryDeniedError):
            registry.model(IN_DEFAULT)
        with pytest.raises(RegistryDeniedError):
            registry.held([IN_DEFAULT])
        with pytest.raises(RegistryDeniedError):
            registry.set_alias(IN_DEFAULT, "production", 1)


def test_an_account_that_may_not_record(
    variables: pytest.MonkeyPatch,
    guarded: Guarded,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It may write to a model and create no experiment: what it applies is applied."""
    allowed = {"resource_type": "registered_model", "resource_id": "unrecorded"}
    for path, body in (
        ("3.0/mlflow/workspaces", {"name": "team-c"}),
        ("2.0/mlflow/registered-models/create", {"name": "unrecorded"}),
        ("2.0/mlflow/model-versions/create", {"name": "unrecorded", "source": "s3://bucket/model"}),
        (
            "3.0/mlflow/users/permissions/grant",
            {"username": READER[0], "permission": "EDIT", **allowed},
        ),
    ):
        guarded.post(path, body, "" if path.endswith("workspaces") else "team-c")
    variables.setenv("MLFLOW_WORKSPACE", "team-c")
    variables.setenv("MLFLOW_TRACKING_URI", guarded.url)
    log_in(variables, *READER)
    variables.chdir(tmp_path)
    (tmp_path / "models.yaml").write_text(
        "owner: me\nmodels: {unrecorded: {stages: {Production: 1}}}\n"
    )

    assert run(["apply"]) == 0

    assert "warning: this apply has no record: " in (told := capsys.readouterr().err)
    assert "denied access (403)" in told
    assert READER[1] not in told
    found = ours().model("unrecorded")
    assert found is not None
    assert found.aliases == {"production": 1}
    assert found.stamps["production"][1].record is None


def test_the_file_of_credentials(
    variables: pytest.MonkeyPatch, guarded: Guarded, tmp_path: Path
) -> None:
    """~/.mlflow/credentials holds what no variable says, each of the two for itself."""
    variables.setenv("MLFLOW_TRACKING_URI", guarded.url)
    (tmp_path / ".mlflow").mkdir()
    file = tmp_path / ".mlflow" / "credentials"
    file.write_text(f"[mlflow]\nmlflow_tracking_username = {ADMIN[0]}\n")
    assert both_fail() is RegistryDeniedError
    variables.setenv("MLFLOW_TRACKING_PASSWORD", ADMIN[1])
    assert both_hold() == {IN_DEFAULT}
    variables.delenv("MLFLOW_TRACKING_PASSWORD")
    file.write_text(
        "[mlflow]\nmlflow_tracking_username = {}\nmlflow_tracking_password = {}\n".format(*ADMIN)
    )
    assert both_hold() == {IN_DEFAULT}
    log_in(variables, password="wrong")
    assert both_fail() is RegistryDeniedError


def test_logins_that_requests_knows(
    variables: pytest.MonkeyPatch, guarded: Guarded, tmp_path: Path
) -> None:
    """In the address itself, and of the host in ~/.netrc."""
    name, password = ADMIN
    uri = guarded.url.replace("://", f"://{name}:{password}@")
    variables.setenv("MLFLOW_TRACKING_URI", uri)
    assert both_hold() == {IN_DEFAULT}
    assert password not in ours().identity
    variables.setenv("MLFLOW_TRACKING_URI", guarded.url)
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login {name} password {password}\n")
    assert both_hold() == {IN_DEFAULT}


def test_the_workspace(variables: pytest.MonkeyPatch, guarded: Guarded) -> None:
    """It is read and written, and no other; it is part of the registry's identity."""
    log_in(variables)
    variables.setenv("MLFLOW_TRACKING_URI", guarded.url)
    default = ours()
    variables.setenv("MLFLOW_WORKSPACE", f" {WORKSPACE} ")
    assert both_hold() == {IN_WORKSPACE}
    ours().set_alias(IN_WORKSPACE, "here", 2)
    assert ours().held().models[IN_WORKSPACE].aliases == {"here": 2}
    assert ours().model(IN_DEFAULT) is None
    with pytest.raises(RegistryGoneError):
        ours().set_alias(IN_DEFAULT, "here", 2)
    assert ours().identity != default.identity
    variables.setenv("MLFLOW_WORKSPACE", "default")
    assert both_hold() == {IN_DEFAULT}
    assert ours().held().models[IN_DEFAULT].aliases == {}


def test_a_workspace_that_is_not_there(variables: pytest.MonkeyPatch, guarded: Guarded) -> None:
    """It is an error, and neither an empty registry nor a model that is not there."""
    log_in(variables)
    variables.setenv("MLFLOW_WORKSPACE", "no-such-team")
    variables.setenv("MLFLOW_TRACKING_URI", guarded.url)
    assert both_fail() is RegistryRequestError
    for registry in (ours(), theirs()):
        with pytest.raises(RegistryRequestError):
            registry.model(IN_DEFAULT)
