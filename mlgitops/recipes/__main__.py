"""Entry point of `python -m training`."""

from __future__ import annotations

import sys

import click
import yaml

from mlgitops.errors import MlgitopsError, UsageError
from mlgitops.recipes import runner
from training import RECIPES

EXAMPLES = f"""Train RECIPE in an MLflow run, and register the model if asked to.

The run goes to MLFLOW_TRACKING_URI. Nothing is promoted: no alias or stage is set.
Recipes: {", ".join(RECIPES)}.

\b
Examples:
  python -m training power_forecasting --param estimator=linear
  python -m training power_forecasting --data windfarm.csv \\
      --param estimator=gradient_boosting --param max_iter=300
  python -m training power_forecasting --param estimator=random_forest \\
      --param 'features=[wind_speed_00, wind_speed_08, wind_speed_16]'
  python -m training tumour_diagnosis --param estimator=logistic_regression \\
      --register tumour-model
"""


@click.command(help=EXAMPLES)
@click.argument("recipe")
@click.option("--data", metavar="PATH_OR_URL", help="Wind farm data [default: $WINDFARM_DATA].")
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
    data: str | None,
    assignments: tuple[str, ...],
    experiment: str | None,
    model: str | None,
) -> None:
    """Train, print what came out, one value per line."""
    trained = runner.run(
        recipe, params=_params(assignments), data=data, experiment=experiment or recipe
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
        train.main(arguments, prog_name="python -m training", standalone_mode=False)
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
