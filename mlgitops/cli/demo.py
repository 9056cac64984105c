"""The verb that shows the whole loop on this machine."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlgitops.cli import run
from mlgitops.cli.options import state_option
from mlgitops.registry import allowed

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.command(
    epilog="""\b
Examples:
  mlgitops demo
  mlgitops demo --state /tmp/demo            keep its registry elsewhere
"""
)
@click.option("--data", metavar="PATH_OR_URL", help="The data for recipes that read a file.")
@state_option
def demo(data: str | None, state: Path) -> None:
    """Run the whole loop on this machine.

    Trains, plans, applies, promotes, serves, smoke-tests and rolls back, in a scratch clone of the
    current folder, on an embedded registry behind MLflow's own server. In a folder without a
    models.yaml, it runs on an example. Neither the folder's files nor any other registry change.
    """
    demonstrate(Path.cwd(), state, data)


def demonstrate(root: Path, state: Path, data: str | None = None) -> None:
    """Run the whole loop on the models.yaml of a folder, or on the example where there is none.

    Raises:
        DemoError: a step did not do what it shows.
    """
    from mlgitops.scaffold.play import Demo, play, process, summary

    if data and Path(data).exists():  # the scratch clone is another folder
        data = str(Path(data).resolve())
    with embedded(state.resolve()) as url:
        made = Demo(
            root=root.resolve(), state=state.resolve(), run=run, url=url, data=data, served=process
        )
        click.echo(f"tracking server at {url}")
        play(made)
    summary(made)


@contextmanager
def embedded(state: Path) -> Iterator[str]:
    """The URL of MLflow's server before the embedded registry, which is what this process uses.

    Raises:
        RegistryStartError: it does not start.
    """
    from mlgitops.registry.embedded import Embedded, server

    with server(Embedded(folder=state)) as url:
        os.environ["MLFLOW_TRACKING_URI"] = url
        os.environ.pop("MLFLOW_REGISTRY_URI", None)
        os.environ[allowed.ROOTS] = str(state)  # the server's folder is this machine's
        yield url
