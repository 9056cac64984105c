"""One version to train as it goes to a worker, and what it does there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.recipes import tracking
from mlgitops.recipes.package import RecipePackage

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What a worker is asked to train.

    Attributes:
        recipe: its name.
        params: its parameters, as models.yaml holds them.
        data: a path or an address of its data; None for its own.
        experiment: where its run is recorded.
        package: the name of the package that the recipe is found in.
        folders: where that is looked for; None for the worker's folder, to which code was sent.
        session: a name by which runs are found that nobody ended.
        code: the tags of its commit, where the worker has no git work tree of it.
    """

    recipe: str
    params: dict[str, object] = field(repr=False)
    data: str | None = field(repr=False)
    experiment: str
    package: str
    folders: tuple[str, ...] | None
    session: str
    code: dict[str, str] | None


def trained(order: Order) -> tracking.TrainedRun:
    """Train it in a run of its own; nothing is registered.

    Raises:
        MlgitopsError: see `tracking.run`.
    """
    folders = (str(Path.cwd()),) if order.folders is None else order.folders
    package = RecipePackage(name=order.package, folders=folders)
    if order.code is None:
        return _run(order, package)
    with tracking.code_known(order.code):
        return _run(order, package)


def _run(order: Order, package: RecipePackage) -> tracking.TrainedRun:
    return tracking.run(
        order.recipe,
        params=order.params,
        data=order.data,
        experiment=order.experiment,
        package=package,
        session=order.session,
    )


def of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that training needs wherever it is done: of MLflow, its stores and logins.

    Everything else a worker has by itself, or does without.
    """
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(_VARIABLES) and name not in _OWN
    }


_VARIABLES = (
    *("MLFLOW_", "MLGITOPS_ARTIFACT_ROOT", "DATABRICKS_"),
    *("AWS_", "AZURE_", "GOOGLE_"),
)
# of this process alone: the run it may be in
_OWN = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")
