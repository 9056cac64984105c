"""The verb that shows the whole loop on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mlgitops.cli import run
from mlgitops.cli.options import state_option


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
    current folder, on the embedded registry. In a folder without a models.yaml, it runs on an
    example. Neither the folder's files nor any other registry change.
    """
    demonstrate(Path.cwd(), state, data)


def demonstrate(root: Path, state: Path, data: str | None = None) -> None:
    """Run the whole loop on the models.yaml of a folder, or on the example where there is none.

    Raises:
        DemoError: a step did not do what it shows.
    """
    from mlgitops.registry.embedded import Embedded
    from mlgitops.scaffold.play import Demo, play, process, summary

    state, url = state.resolve(), Embedded(folder=state).uri

    def verb(arguments: list[str]) -> int:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
            os.environ.pop(name, None)
        os.environ["MLGITOPS_STATE"] = str(state)
        try:
            return run(arguments)
        finally:
            os.environ["MLFLOW_TRACKING_URI"] = url  # for what follows without a verb

    if data and Path(data).exists():  # the scratch clone is another folder
        data = str(Path(data).resolve())
    made = Demo(root=root.resolve(), state=state, run=verb, url=url, data=data, served=process)
    play(made)
    summary(made)
