"""The command line of the stack."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click

from mlgitops.errors import MlgitopsError
from mlgitops.system import docker
from stack import backup as backups
from stack import lifecycle, settings
from stack import upgrade as upgrading
from stack.compose import Compose

_SERVICES = click.Choice(["db", "migrate", "mlflow", "artifacts", "s3"])


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
    sys.exit(code or 0)


def _target(given: Path | None) -> Path:
    """Where a backup goes that was given no name."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return given or settings.FOLDER / "backups" / f"mlgitops-{now}.tar"


def _say(line: str) -> None:
    click.echo(line, err=True)


def _compose() -> Compose:
    docker.require(compose=True)
    return Compose(settings.read())


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """MLflow on MySQL with a proxied artifact server, by Docker Compose."""


@cli.command()
@click.option("--build/--no-build", default=True, show_default=True, help="Build changed images.")
@click.option("--timeout", default=300, show_default=True, help="Seconds until it has failed.")
def up(*, build: bool, timeout: int) -> None:
    """Start it, and return when it has been proven to work."""
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
    """Stop it; data stay unless --volumes is given."""
    lifecycle.down(_compose(), volumes=volumes)


@cli.command()
@click.argument("service", required=False, type=_SERVICES)
@click.option("--follow", "-f", is_flag=True)
@click.option("--tail", default=100, show_default=True)
def logs(*, service: str | None, follow: bool, tail: int) -> int:
    """Show what the services print."""
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
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(*, as_json: bool) -> int:
    """Show services and addresses; the exit code is 1 unless all is well."""
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
        click.echo(f"{name:10} {services.get(name, 'not there')!s:12} {shown}".rstrip())
    click.echo(f"from here        {compose.uri}")
    click.echo(f"from containers  {compose.inner_uri} on the network {compose.network}")
    return 0 if well else 1


@cli.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
def backup(*, file: Path | None) -> None:
    """Save database and artifacts into one checksummed FILE; nobody has to stop working."""
    target = _target(file)
    contents = backups.backup(_compose(), target, say=_say)
    click.echo(f"{target}: {contents.counts['model_versions'][1]} versions, {contents.files} files")


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--replace", is_flag=True, help="Even if the stack holds data, which will be lost.")
@click.option("--build/--no-build", default=True, show_default=True, help="Build changed images.")
def restore(*, file: Path, replace: bool, build: bool) -> None:
    """Bring the stack to what FILE holds, and prove it."""
    contents = backups.restore(_compose(), file, replace=replace, build=build, say=_say)
    click.echo(f"restored: {contents.counts['model_versions'][1]} versions, {contents.files} files")


@cli.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--build/--no-build", default=True, show_default=True, help="Build changed images.")
def upgrade(*, file: Path | None, build: bool) -> None:
    """Back up into FILE, migrate the schema, start the servers of this checkout."""
    upgrading.upgrade(_compose(), _target(file), build=build, say=_say)
