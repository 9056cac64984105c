"""The schema of an older MLflow: refused by `up`, brought up to date by `upgrade`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stack import secrets
from stack.errors import ServiceFailedError

if TYPE_CHECKING:
    from pathlib import Path

    from harness.stack import Running
    from tests.stack.conftest import Make

# the schema of MLflow 2.22, with a registered model in it
OLDER = """
import sqlalchemy as sa
from alembic import command
from inside import database
from mlflow.store.db import utils
from mlflow.store.tracking.dbmodels.initial_models import Base
engine = sa.create_engine(database.migration_uri("mlflow"))
Base.metadata.create_all(engine)
config = utils._get_alembic_config("")
with engine.begin() as connection:
    config.attributes["connection"] = connection
    command.upgrade(config, "0584bdc529eb")
with engine.begin() as connection:
    connection.execute(sa.text("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'"))
    connection.execute(sa.text("INSERT INTO experiments (experiment_id, name, artifact_location, "
        "lifecycle_stage) VALUES (0, 'Default', 'mlflow-artifacts:/0', 'active')"))
    connection.execute(sa.text("INSERT INTO registered_models (name, creation_time) "
        "VALUES ('from-before', 1)"))
    connection.execute(sa.text("INSERT INTO model_versions (name, version, creation_time, source, "
        "status, current_stage) VALUES ('from-before', 1, 1, 'mlflow-artifacts:/0/x', 'READY', "
        "'Production')"))
"""


def older(stack: Running) -> None:
    """A stack that an older MLflow has left behind."""
    secrets.ensure(stack.compose.settings.secrets, database_exists=False)
    stack.compose.run("up", "--detach", "--wait", "db")
    stack.compose.run("run", "--rm", "-T", "--no-deps", "migrate", "python", "-c", OLDER)


def test_upgrade(make: Make, tmp_path: Path) -> None:
    """`up` points to `upgrade`, which makes a backup, migrates and keeps what was there."""
    stack = make()
    older(stack)
    with pytest.raises(ServiceFailedError, match=r"older MLflow and holds data; run `nox -s up"):
        stack.up()
    archive = tmp_path / "before.tar"
    ran = stack.cli("upgrade", "--no-build", str(archive))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert archive.exists()
    found = stack.get("/api/2.0/mlflow/model-versions/get?name=from-before&version=1").json()
    assert found["model_version"]["current_stage"] == "Production"


@pytest.mark.thorough
def test_newer_schema(make: Make) -> None:
    """A schema that this MLflow does not know is left alone."""
    stack = make()
    stack.up()
    stack.sql("UPDATE alembic_version SET version_num = 'feedc0ffee00'")
    stack.compose.run("stop", "mlflow")
    with pytest.raises(ServiceFailedError, match="created by a newer MLflow") as caught:
        stack.up()
    assert caught.value.service == "migrate"


@pytest.mark.thorough
def test_failed_upgrade(make: Make, tmp_path: Path) -> None:
    """A migration that fails says how to go back, and going back works."""
    stack = make()
    older(stack)
    stack.sql("CREATE TABLE logged_models (model_id INT)")  # what the migration is going to create
    archive = tmp_path / "before.tar"
    ran = stack.cli("upgrade", "--no-build", str(archive))
    assert ran.returncode == 1
    assert "migration from 0584bdc529eb failed" in ran.stderr
    assert f"nox -s restore -- {archive} --replace" in ran.stderr
    assert archive.exists()
