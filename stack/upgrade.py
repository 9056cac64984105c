"""Move to the MLflow of this checkout: a backup, then the migration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.errors import DockerCommandError
from mlgitops.system import docker
from stack import backup, lifecycle
from stack.errors import ServiceFailedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stack.compose import Compose


def upgrade(
    compose: Compose, target: Path, *, build: bool = True, say: Callable[[str], None]
) -> None:
    """Back up, migrate the schema, start the servers of the new version.

    Raises:
        BackupError: nothing was changed.
        ServiceFailedError: the migration failed; says how to go back.
    """
    docker.require(compose=True)
    if build:
        compose.build(say)
    compose.run("up", "--detach", "--wait", "db")
    # before the copy: what is written between backup and migration would be lost on the way back
    compose.run("stop", "mlflow", "artifacts")
    backup.backup(compose, target, say=say)
    say(f"backup: {target}")
    try:
        compose.run("run", "--rm", "-T", "--env", "STACK_MIGRATE=upgrade", "migrate")
    except DockerCommandError as error:
        raise ServiceFailedError(
            "migrate", f"failed; to go back, run `nox -s restore -- {target} --replace`", str(error)
        ) from None
    lifecycle.up(compose, build=False, say=say)
