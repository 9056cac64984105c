"""The held-out rows that models.yaml names for versions without a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.errors import DataError
from mlgitops.review import tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import pandas as pd

    from mlgitops.core.desired import Desired, Evaluation
    from mlgitops.core.signature import Signature


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Declared:
    """What models.yaml names, and the folder that its paths start from."""

    evaluation: Evaluation
    folder: Path


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FileRows:
    """Rows with their answers, in the order of the file.

    Attributes:
        features: of shape (rows, columns), by what each row is called.
        actual: the true values of shape (rows,).
        name: of the file.
        digest: `sha256:…` of the file.
    """

    features: pd.DataFrame
    actual: np.ndarray
    name: str
    digest: str


def declared(desired: Desired, model: str) -> Declared | None:
    """What models.yaml names for a model."""
    known = desired.models.get(model)
    if known is None or known.evaluation is None:
        return None
    return Declared(evaluation=known.evaluation, folder=Path(desired.file).parent)


def read(source: Declared, signatures: Iterable[Signature | None]) -> FileRows:
    """The rows whose true value is known.

    Args:
        source: where they are.
        signatures: of the versions: without columns, a version takes all but target and dates.

    Raises:
        DataError: they cannot be had; the message begins with the place in models.yaml.
    """
    evaluation = source.evaluation
    try:
        table = tables.read(evaluation.data, source.folder)
        return _held_out(table, evaluation, signatures)
    except DataError as error:
        raise DataError(f"{evaluation.where}: {error}") from error


def _held_out(
    table: tables.Table, evaluation: Evaluation, signatures: Iterable[Signature | None]
) -> FileRows:
    frame, target = table.frame, evaluation.target
    if target not in frame.columns:
        raise DataError(f"{evaluation.data} has no column {target!r}; write another `target`")
    frame = frame[frame[target].notna()]
    if not len(frame):
        raise DataError(f"{evaluation.data} has no row with a value of {target!r}")
    features = frame.drop(columns=[target])
    taken = {column.name for one in signatures if one for column in one.inputs or ()}
    named = _dates(features, taken)
    if named is not None:
        features = features.set_index(named)
    return FileRows(
        features=features,
        actual=frame[target].to_numpy(),
        name=evaluation.data.rpartition("/")[2],
        digest=table.digest,
    )


def _dates(features: pd.DataFrame, taken: set[str]) -> str | None:
    """The first column of days or times that no version takes, made times, if there is one."""
    import pandas as pd

    for name in features.columns.difference(list(taken), sort=False):
        values = features[name]
        if pd.api.types.is_datetime64_any_dtype(values):
            return str(name)
        if pd.api.types.is_string_dtype(values):
            try:
                features[name] = pd.to_datetime(values, format="ISO8601")
            except (ValueError, TypeError):
                continue
            return str(name)
    return None
