"""What deployments ask of the engine that the docker command speaks to."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlgitops.errors import DockerCommandError
from mlgitops.errors.deploying import DeployError
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPOSE = Path(__file__).with_name("compose.yaml")
DEPLOYMENT = "mlgitops.deployment"  # a label; its value is the name
SERVICE = "com.docker.compose.service"
VARIABLES = "mlgitops.deploy.environment"  # those that models.yaml gives, as JSON
_KEPT = "mlgitops.deploy."  # labels of what is to be remembered
_TRIES = 5  # containers may end between being listed and being looked at


def compose(
    name: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    services: Mapping[str, object] | None = None,
) -> str:
    """Run `docker compose` for a deployment; what it printed.

    Args:
        name: of its project.
        arguments: of the command.
        environment: variables of the file.
        services: what else the file is to say of services.

    Raises:
        DockerCommandError: it failed.
    """
    variables = {**os.environ, "DEPLOYMENT": name, **(environment or {})}
    with TemporaryDirectory(prefix="mlgitops-compose-") as folder:
        more = Path(folder) / "more.yaml"
        # JSON is YAML; a dollar sign would begin the name of a variable
        more.write_text(json.dumps({"services": services or {}}).replace("$", "$$"))
        files = ("--file", str(COMPOSE), *(("--file", str(more)) if services else ()))
        command = ["compose", "--project-name", name, *files, *arguments]
        return docker.run(command, environment=variables)


def containers(*labels: str) -> list[dict[str, Any]]:
    """What Docker says of the containers that have some labels.

    Raises:
        DeployError: they change all the time.
        DockerCommandError: they cannot be listed.
    """
    filters = [part for label in labels for part in ("--filter", f"label={label}")]
    for _ in range(_TRIES):
        identities = docker.run(["ps", "--all", "--quiet", "--no-trunc", *filters]).split()
        with suppress(DockerCommandError):
            found: list[dict[str, Any]] = json.loads(
                docker.run(["inspect", *identities]) if identities else "[]"
            )
            return found
    raise DeployError("cannot list the containers because they change too fast; try again")


def service(name: str, of: str) -> list[dict[str, Any]]:
    """What Docker says of the containers of a deployment's service."""
    return containers(f"{DEPLOYMENT}={name}", f"{SERVICE}={of}")


def kept(container: Mapping[str, Any], name: str) -> str:
    """What a container remembers of its deployment; empty if nothing."""
    return str(container["Config"]["Labels"].get(_KEPT + name, ""))
