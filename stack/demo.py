"""The demo: `nox -s demo`, on the embedded registry; `--stack compose`: on the stack."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlgitops.cli import run
from mlgitops.cli.demo import demonstrate
from mlgitops.errors import MlgitopsError
from mlgitops.scaffold.play import Demo, play, summary
from stack import lifecycle, probes, settings
from stack.compose import Compose

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVE = ("--profile", "serve")


@contextmanager
def compose_server() -> Iterator[str]:
    """The URL of the tracking server, started where it does not run; it stays up afterwards.

    Raises:
        StackError: the stack does not start.
    """
    compose = Compose(settings.read())
    lifecycle.up(compose, say=click.echo)
    if login := probes.login(compose):
        os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = login
    yield compose.uri


@contextmanager
def compose_served(version: str) -> Iterator[str]:
    """The URL of a container on the stack's network that serves NAME/VERSION.

    Raises:
        DockerCommandError: the container did not become healthy.
    """
    compose = Compose(settings.read({**os.environ, "STACK_SERVE_MODEL": version}))
    click.echo(f"in a container on the network {compose.network}, using {compose.inner_uri}")
    try:
        compose.run(*_SERVE, "up", "--detach", "--wait", "serve")
        host, port = compose.run(*_SERVE, "port", "serve", "8080").strip().rsplit(":", 1)
        yield f"http://{host}:{port}"
    finally:
        compose.run(*_SERVE, "rm", "--stop", "--force", "serve")


@click.command()
@click.option("--data", help="The wind farm's data, a path or URL; default: the synthetic sample.")
@click.option(
    "--stack",
    type=click.Choice(["embedded", "compose"]),
    default="embedded",
    show_default=True,
    help="The tracking server: in this folder, or MLflow on MySQL, which needs Docker.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".mlgitops"),
    show_default=True,
    help="The folder of the embedded registry and the scratch clone.",
)
def main(data: str | None, stack: str, state: Path) -> None:
    """Run the whole job."""
    if stack == "embedded":
        demonstrate(Path.cwd(), state, data)
        return
    local = Path(data).resolve() if data and Path(data).exists() else None
    with compose_server() as url:
        os.environ["MLFLOW_TRACKING_URI"] = url
        demo = Demo(
            root=Path.cwd(),
            state=state.resolve(),
            run=run,
            url=url,
            data=str(local) if local else data,
            served=compose_served,
        )
        click.echo(f"tracking server at {url}")
        play(demo)
    summary(demo)


if __name__ == "__main__":
    try:
        main()
    except MlgitopsError as error:
        raise SystemExit(f"error: {error}") from error
