"""The general form of a recipe: `train` is plain MLflow code, of any flavour."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors import RecipeError
from mlgitops.recipes import data as recorded
from mlgitops.recipes import tracking
from mlgitops.recipes.data import Dataset, Examples, Holdout, without_secrets
from mlgitops.registry.failures import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic import BaseModel

    from mlgitops.recipes.recipe import RecipeModule

DATA_TAG = "mlgitops.data"
TARGET = "target"  # what true values are called that have no name


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainTraining:
    """One run of a recipe's `train`: a `mlgitops.recipes.tracking.Training`."""

    recipe: RecipeModule
    params: BaseModel
    data: str | None
    held_out: Holdout | None

    @property
    def title(self) -> str:
        """The recipe's name."""
        return self.recipe.name

    @property
    def tags(self) -> Mapping[str, str]:
        """The data, where some are named."""
        return {DATA_TAG: without_secrets(self.data)} if self.data else {}

    @property
    def folder(self) -> Path:
        """Of the recipe's module."""
        return self.recipe.folder

    @property
    def learnt_from(self) -> None:
        """None: what `train` reads, it alone knows."""

    def run(self) -> object:
        """Call `train`, and record what it does not: parameters, and the rows that are held out."""
        import mlflow

        uri = mlflow.get_tracking_uri()
        if self.held_out is not None:
            code = tracking.code_tags(self.folder)
            with translated(uri):
                recorded.log(self.held_out.examples, self.held_out.dataset, "test", code)
        with tracking.autologged(datasets=True), _travelling(self.recipe.module.__name__):
            returned = self.recipe.call("train", self.params, self.data)
        with translated(uri):
            _log_missing(self.recipe.name, self.params.model_dump())
        return returned


def _log_missing(recipe: str, params: Mapping[str, object]) -> None:
    """Log parameters that are not yet there: autolog knows some, and MLflow keeps the first."""
    import mlflow

    active = mlflow.active_run()
    if active is None:
        raise RecipeError(f"{recipe}: train ended the run; remove mlflow.end_run()")
    logged = mlflow.get_run(active.info.run_id).data.params
    mlflow.log_params({name: value for name, value in params.items() if name not in logged})


def holdout(recipe: RecipeModule, params: BaseModel, data: str | None) -> Holdout | None:
    """The rows and true values that a recipe keeps from training; None if it has no `holdout`.

    Raises:
        RecipeError: its `holdout` fails, or does not return rows and as many values.
    """
    import numpy as np
    import pandas as pd

    if not recipe.has("holdout"):
        return None
    returned = recipe.call("holdout", params, data)
    try:
        rows, values = returned
        name = getattr(values, "name", None) or TARGET
        target = pd.Series(np.asarray(values), index=rows.index, name=name)
        fits = isinstance(rows, pd.DataFrame) and name not in rows.columns
    except (TypeError, ValueError, AttributeError):
        fits = False
    if not fits:
        raise RecipeError(
            f"{recipe.name}: holdout must return rows and their true values: a DataFrame, and as "
            "many numbers or classes, with a name that no column has"
        )
    source = without_secrets(data) if data else None
    return Holdout(
        examples=Examples(features=rows, target=target),
        dataset=Dataset(name=recipe.name, source=source),
    )


@contextmanager
def _travelling(module: str) -> Iterator[None]:
    """What a recipe's package defines is pickled with the model, as that of a script would be.

    A model whose class is in `training/` could else be loaded only where `training/` is.
    """
    import cloudpickle

    package = sys.modules[module.rpartition(".")[0] or module]
    cloudpickle.register_pickle_by_value(package)
    try:
        yield
    finally:
        with suppress(ValueError):  # the recipe may have done so itself
            cloudpickle.unregister_pickle_by_value(package)
