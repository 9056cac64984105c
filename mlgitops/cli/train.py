"""The verbs that train: what models.yaml has recipes for, and a single recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import yaml

from mlgitops.cli.options import (
    Target,
    dask_option,
    file_option,
    format_option,
    models_argument,
    printed,
    registry_options,
    show_report,
    tell,
    warn,
)
from mlgitops.cli.progress import progress
from mlgitops.core.choice import chosen
from mlgitops.core.desired import RECIPES
from mlgitops.errors import UsageError
from mlgitops.file.load import load
from mlgitops.words import number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.recipes.package import RecipePackage
    from mlgitops.recipes.running import Crew


@click.command(
    epilog="""\b
Examples:
  mlgitops train
  mlgitops train power-forecasting-model 'churn-*' --data windfarm.csv
  WINDFARM_DATA=https://example.org/windfarm.csv mlgitops train
  mlgitops train --jobs 1                        in this process, one after the other
  mlgitops train --dask tcp://scheduler:8786     on the workers of a Dask cluster
"""
)
@models_argument
@click.option("--data", metavar="PATH_OR_URL", help="The data for recipes that read a file.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Train up to this many models at once, in processes.  [default: one a core]",
)
@dask_option("Train")
@file_option
@registry_options
@format_option
def train(
    models: tuple[str, ...],
    data: str | None,
    jobs: int | None,
    dask: str | None,
    file: Path,
    target: Target,
    form: str,
) -> None:
    """Train and register missing versions.

    Trains the recipes of MODELS, by name or pattern, or of all models: several models at once, the
    versions of each in the order of their numbers. A version that fails stops those after it of
    its model, and no other model. Does not promote: a version enters a stage only through
    models.yaml.
    """
    from mlgitops.recipes import crews
    from mlgitops.recipes import train as training
    from mlgitops.report import document, tables

    if jobs and dask:
        raise UsageError("--jobs is for processes here, --dask for a cluster; keep one")
    desired = load(file)
    only = chosen(desired.models, models, f"{desired.file} has")
    client = target.connect()
    with progress() as say:

        def hire(several: int, package: RecipePackage) -> Crew | None:
            if dask:
                return crews.cluster(dask, package, printed)
            return crews.processes(several, jobs, printed)

        done = training.train(
            desired,
            client,
            only,
            data=data,
            prepare=target.prepare_experiment,
            before=_warn_if_dirty,
            progress=say,
            hire=hire,
        )
    show_report(form, tables.trained(done), lambda: document.trained(done.trained))
    done.check()


@click.command(
    epilog="""\b
Examples:
  mlgitops run-recipe power_forecasting --param estimator=linear
  mlgitops run-recipe power_forecasting --data windfarm.csv \\
      --param estimator=gradient_boosting --param max_iter=300
  mlgitops run-recipe power_forecasting --param estimator=random_forest \\
      --param 'features=[wind_speed_00, wind_speed_08, wind_speed_16]'
  mlgitops run-recipe tumour_diagnosis \\
      --param estimator=logistic_regression --register tumour-model
"""
)
@click.argument("recipe")
@click.option(
    "--package", metavar="NAME", default=RECIPES, show_default=True, help="Where recipes are."
)
@click.option("--data", metavar="PATH_OR_URL", help="The data of a recipe that reads a file.")
@click.option(
    "--param",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help="A parameter of the recipe; VALUE as in YAML. Repeat for more.",
)
@click.option("--experiment", metavar="NAME", help="MLflow experiment [default: the recipe].")
@click.option("--register", "model", metavar="MODEL", help="Register as a version of MODEL.")
@registry_options
def run_recipe(
    recipe: str,
    package: str,
    data: str | None,
    assignments: tuple[str, ...],
    experiment: str | None,
    model: str | None,
    target: Target,
) -> None:
    """Train RECIPE in an MLflow run.

    Registers the model only with --register. Does not promote.
    """
    from mlgitops.recipes import tracking
    from mlgitops.recipes.package import RecipePackage

    params = _params(assignments)
    found = RecipePackage(name=package, folders=(str(Path.cwd()),))
    module = found.load(recipe)
    module.parse(params)
    target.connect()
    target.prepare_experiment(experiment or recipe)
    trained = tracking.run(
        recipe, params=params, data=data, experiment=experiment or recipe, package=found
    )
    _warn_if_dirty([module.folder])
    tell(f"run {trained.run_id}")
    tell(f"model {trained.model_uri}")
    for name, value in trained.metrics.items():
        tell(f"{name} {number(value)}")
    if model:
        tell(f"version {tracking.register(trained, model)}")


def _warn_if_dirty(folders: Iterable[Path]) -> None:
    from mlgitops.recipes.tracking import is_dirty

    if any(map(is_dirty, folders)):
        warn(
            "the code has changes that are not committed; the runs are tagged "
            "mlflow.source.git.dirty. Commit before you train to be able to repeat it"
        )


def _params(assignments: tuple[str, ...]) -> dict[str, object]:
    params: dict[str, object] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not key or not equals:
            raise UsageError(f"--param {assignment!r} is not KEY=VALUE, such as estimator=linear")
        if key in params:
            raise UsageError(f"--param {key} is given twice; keep one")
        try:
            params[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UsageError(f"--param {key}: {value!r} is not a YAML value; quote it") from None
    return params
