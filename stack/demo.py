"""The demo: `nox -s demo`, on an embedded tracking server; `--stack compose`: on the stack."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlgitops.errors import MlgitopsError
from mlgitops.registry import allowed
from mlgitops.registry.embedded import Embedded, server
from stack import lifecycle, probes, settings
from stack.compose import Compose
from stack.play import Demo, play, process, summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

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
    local = Path(data).resolve() if data and Path(data).exists() else None
    begun = time.monotonic()
    running: AbstractContextManager[str]
    if stack == "compose":
        running, served = compose_server(), compose_served
    else:
        running, served = server(Embedded(folder=state.resolve())), process
        os.environ[allowed.ROOTS] = str(state.resolve())  # the server's folder is this machine's
    with running as url:
        os.environ["MLFLOW_TRACKING_URI"] = url
        demo = Demo(
            root=Path.cwd(),
            state=state.resolve(),
            data=str(local) if local else data,
            url=url,
            served=served,
        )
        click.echo(f"tracking server at {url}")
        play(demo)
    summary(demo)
    click.echo(f"done in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    try:
        main()
    except MlgitopsError as error:
        raise SystemExit(f"error: {error}") from error
