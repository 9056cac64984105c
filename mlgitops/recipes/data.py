"""Rows with their answers, and where they come from; how a run records them.

Light: neither pandas nor MLflow is imported before something is recorded.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.errors import TrainingDataError
from mlgitops.system import addresses

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from mlflow.data.dataset_source import DatasetSource
    from mlflow.data.pandas_dataset import PandasDataset


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Examples:
    """Rows with their answers: features of shape (rows, features), and a target."""

    features: pd.DataFrame
    target: pd.Series

    def frame(self) -> pd.DataFrame:
        """Features and target side by side without the index; a target of numbers is float64."""
        import pandas as pd

        target = self.target
        if pd.api.types.is_numeric_dtype(target):
            target = target.astype("float64")
        return self.features.assign(**{str(target.name): target}).reset_index(drop=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """Where examples come from: name, path or address (None: made by code), and tags for a run."""

    name: str
    source: str | None
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Holdout:
    """The examples that a recipe keeps from training, by which versions are compared."""

    examples: Examples
    dataset: Dataset

    def digest(self) -> str:
        """MLflow's digest of the examples, by which a run records them."""
        from mlflow.data.code_dataset_source import CodeDatasetSource

        return str(_described(self.examples, self.dataset, CodeDatasetSource(tags={})).digest)


def log(examples: Examples, dataset: Dataset, context: str, code: Mapping[str, str]) -> None:
    """Record in the active run that it used examples, for example as "test".

    Args:
        examples: what was used.
        dataset: where it comes from.
        context: what it was used for.
        code: tags that name the code that made the examples, where it was code.
    """
    import mlflow

    mlflow.log_input(_described(examples, dataset, _source(dataset, code)), context=context)


def _described(examples: Examples, dataset: Dataset, source: DatasetSource) -> PandasDataset:
    from mlflow.data.pandas_dataset import from_pandas

    return from_pandas(
        examples.frame(), source=source, targets=str(examples.target.name), name=dataset.name
    )


def _source(dataset: Dataset, code: Mapping[str, str]) -> DatasetSource:
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.dataset_source_registry import resolve_dataset_source
    from mlflow.utils.mlflow_tags import MLFLOW_SOURCE_NAME

    if dataset.source is None:
        return CodeDatasetSource(tags={MLFLOW_SOURCE_NAME: dataset.name, **code})
    with warnings.catch_warnings():
        # MLflow registers its source for local files twice, and warns that it cannot choose.
        warnings.filterwarnings("ignore", message="The specified dataset source can be interpreted")
        source: DatasetSource = resolve_dataset_source(dataset.source)
    return source


def without_secrets(place: str) -> str:
    """Where data come from, as people may see it; see `mlgitops.system.addresses`.

    Raises:
        TrainingDataError: the address is malformed.
    """
    try:
        return addresses.without_secrets(place)
    except ValueError as error:
        raise TrainingDataError(f"the address of the data is malformed ({error})") from None
