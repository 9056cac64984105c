"""The verb that trains what models.yaml has recipes for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlgitops.cli.options import (
    Target,
    file_option,
    format_option,
    progress,
    registry_options,
    show_report,
)
from mlgitops.file.edit import model_of
from mlgitops.file.load import load

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    epilog="""\b
Examples:
  mlgitops train
  mlgitops train power-forecasting-model --data windfarm.csv
  WINDFARM_DATA=https://example.org/windfarm.csv mlgitops train
"""
)
@click.argument("models", nargs=-1)
@click.option("--data", metavar="PATH_OR_URL", help="The data for recipes that read a file.")
@file_option
@registry_options
@format_option
def train(
    models: tuple[str, ...],
    data: str | None,
    file: Path,
    target: Target,
    form: str,
) -> None:
    """Train and register missing versions.

    Trains the recipes of MODELS, or of all models, in the order of their numbers. Does not promote:
    a version enters a stage only through models.yaml.
    """
    from mlgitops.recipes.package import package_of
    from mlgitops.recipes.train import missing, run
    from mlgitops.report import document, tables

    desired = load(file)
    for name in models:
        model_of(desired, name)
    client = target.connect()
    with progress() as say:
        todo = missing(desired, client, models)
        package, prepare = package_of(desired), target.prepare_experiment
        done = [run(one, package, data=data, prepare=prepare, progress=say) for one in todo]
    show_report(form, tables.trained(done), lambda: document.trained(done))


COMMANDS = (train,)
