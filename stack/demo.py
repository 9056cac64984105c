"""The stack as the place where the demo takes place: `nox -s demo -- --stack compose`."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from stack import lifecycle, probes, settings
from stack.compose import Compose

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVE = ("--profile", "serve")


@contextmanager
def server() -> Iterator[str]:
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
def served(version: str) -> Iterator[str]:
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
