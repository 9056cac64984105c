"""The command line of the stack."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from mlgitops.errors import MlgitopsError
from mlgitops.system import docker
from mlgitops.words import count
from stack import backup as backups
from stack import lifecycle, settings
from stack import upgrade as upgrading
from stack.compose import Compose

if TYPE_CHECKING:
    from stack.archive import Contents

_SERVICES = click.Choice(["db", "migrate", "mlflow", "artifacts", "s3", "webhook"])


def main() -> NoReturn:
    """Run a verb; every failure becomes one message and an exit code."""
    try:
        code = cli.main(standalone_mode=False)
    except MlgitopsError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(64)
    except click.Abort:
        sys.exit(130)
    except OSError as error:  # such as a full disk, or a folder that may not be written
        click.echo(f"error: {error.filename or 'the system'}: {error.strerror}", err=True)
        sys.exit(1)
    sys.exit(code or 0)


def _target(given: Path | None) -> Path:
    """Where a backup goes that was given no name."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return given or settings.FOLDER / "backups" / f"mlgitops-{now}.tar"


def _summary(contents: Contents) -> str:
    """How much a backup holds."""
    _, versions = contents.counts.get("model_versions", (0, 0))
    return f"{count(versions, 'version')}, {count(contents.files, 'file')}"


def _say(line: str) -> None:
    click.echo(line, err=True)


def _compose() -> Compose:
    docker.require(compose=True)
    return Compose(settings.read())


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Run MLflow on MySQL with a proxied artifact server, using Docker Compose."""


@cli.command()
@click.option("--build/--no-build", default=True, show_default=True, help="Build changed images.")
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    default=int(lifecycle.TIMEOUT),
    show_default=True,
    help="Seconds to wait for all services.",
)
def up(*, build: bool, timeout: int) -> None:
    """Start the stack and check that it works."""
    compose = _compose()
    lifecycle.up(compose, build=build, timeout=timeout, say=_say)
    click.echo(f"MLFLOW_TRACKING_URI={compose.uri}")
    if compose.settings.auth:
        secret = compose.settings.secrets / "mlflow_admin_password"
        click.echo("MLFLOW_TRACKING_USERNAME=admin")
        click.echo(f'MLFLOW_TRACKING_PASSWORD="$(cat {secret})"')


@cli.command()
@click.option("--volumes", is_flag=True, help="Also remove the database and all artifacts.")
def down(*, volumes: bool) -> None:
    """Stop the stack; keep its data unless you pass --volumes."""
    lifecycle.down(_compose(), volumes=volumes)


@cli.command()
@click.argument("service", required=False, type=_SERVICES)
@click.option("--follow", "-f", is_flag=True, help="Keep printing new lines.")
@click.option("--tail", default=100, show_default=True, help="Lines per service.")
def logs(*, service: str | None, follow: bool, tail: int) -> int:
    """Show the logs of the services."""
    chosen = [service] if service else []
    options = ["--follow"] if follow else []
    return _compose().attached("logs", "--tail", str(tail), *options, *chosen)


@cli.command("db-shell", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1)
def db_shell(*, arguments: tuple[str, ...]) -> int:
    """Open the MySQL client on MLflow's database, as MLflow's user."""
    terminal = [] if sys.stdin.isatty() else ["-T"]
    return _compose().attached("exec", *terminal, "db", "db-client", "mysql", "mlflow", *arguments)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(*, as_json: bool) -> int:
    """Show services and addresses.

    Exits with 1 if a service is not ready.
    """
    compose = _compose()
    services = compose.services()
    well = set(compose.config["services"]) <= set(services)
    well = well and all(service.ready for service in services.values())
    if as_json:
        click.echo(
            json.dumps(
                {
                    "project": compose.project,
                    "uri": compose.uri,
                    "inner_uri": compose.inner_uri,
                    "network": compose.network,
                    "services": {name: str(service) for name, service in services.items()},
                },
                indent=2,
            )
        )
        return 0 if well else 1
    for name in compose.config["services"]:
        shown = ", ".join(f"{p.host}:{p.number}" for p in compose.ports if p.service == name)
        click.echo(f"{name:10} {services.get(name, 'not created')!s:12} {shown}".rstrip())
    click.echo(f"from here        {compose.uri}")
    click.echo(f"from containers  {compose.inner_uri} on the network {compose.network}")
    return 0 if well else 1


@cli.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
def backup(*, file: Path | None) -> None:
    """Back up the stack to FILE while it runs."""
    target = _target(file)
    contents = backups.backup(_compose(), target, say=_say)
    click.echo(f"{target}: {_summary(contents)}")


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--replace", is_flag=True, help="Overwrite the data in the stack.")
@click.option("--build/--no-build", default=True, show_default=True, help="Build changed images.")
def restore(*, file: Path, replace: bool, build: bool) -> None:
    """Restore the stack from FILE and check the result."""
    contents = backups.restore(_compose(), file, replace=replace, build=build, say=_say)
    click.echo(f"restored: {_summary(contents)}")


@cli.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--build/--no-build", default=True, show_default=True, help="Build changed images.")
def upgrade(*, file: Path | None, build: bool) -> None:
    """Move the stack to the MLflow of this checkout.

    Backs up to FILE, migrates the schema, and starts the servers.
    """
    upgrading.upgrade(_compose(), _target(file), build=build, say=_say)
