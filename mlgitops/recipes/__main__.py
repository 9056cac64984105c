"""Entry point of `python -m mlgitops.recipes`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import yaml

from mlgitops.core.desired import RECIPES
from mlgitops.errors import MlgitopsError, UsageError
from mlgitops.recipes import runner
from mlgitops.recipes.package import RecipePackage

HELP = """Train RECIPE in an MLflow run, and register the model if asked to.

The run goes to MLFLOW_TRACKING_URI. Nothing is promoted: no alias or stage is set.

\b
Examples:
  python -m mlgitops.recipes power_forecasting --param estimator=linear
  python -m mlgitops.recipes power_forecasting --data windfarm.csv \\
      --param estimator=gradient_boosting --param max_iter=300
  python -m mlgitops.recipes power_forecasting --param estimator=random_forest \\
      --param 'features=[wind_speed_00, wind_speed_08, wind_speed_16]'
  python -m mlgitops.recipes tumour_diagnosis \\
      --param estimator=logistic_regression --register tumour-model
"""


@click.command(help=HELP)
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
def train(
    recipe: str,
    package: str,
    data: str | None,
    assignments: tuple[str, ...],
    experiment: str | None,
    model: str | None,
) -> None:
    """Train, print what came out, one value per line."""
    trained = runner.run(
        recipe,
        params=_params(assignments),
        data=data,
        experiment=experiment or recipe,
        package=RecipePackage(name=package, folders=(str(Path.cwd()),)),
    )
    click.echo(f"run {trained.run_id}")
    click.echo(f"model {trained.model_uri}")
    for name, value in trained.metrics.items():
        click.echo(f"{name} {value:.6g}")
    if model:
        click.echo(f"version {runner.register(trained, model)}")


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


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code, as `mlgitops.errors` lists them."""
    try:
        train.main(arguments, prog_name="python -m mlgitops.recipes", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return UsageError.exit_code
    except MlgitopsError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except click.Abort:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
