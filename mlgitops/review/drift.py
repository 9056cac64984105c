"""The data that two versions were trained on, where they can be read, and how these differ.

scipy, which scikit-learn needs anyway, does the statistics.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.core.drift import NO_DRIFT, ColumnDrift, ColumnProfile, Drift, order
from mlgitops.errors import DataError, RecipeError, TrainingDataError
from mlgitops.review import tables
from mlgitops.words import from_json, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from mlgitops.core.drift import Measure
    from mlgitops.core.evidence import Side
    from mlgitops.core.version import DatasetUse, Version
    from mlgitops.review.prepared import Prepared

_TRAIN = "train"
_PLACES = ("url", "uri")  # of MLflow's sources over HTTP, and of files


def drift(old: Side | None, new: Side, recipes: Prepared) -> Drift:
    """How the training data differ; nothing where both name the same, or one names none.

    Args:
        old: the version to compare with.
        new: the version to judge.
        recipes: those of both, found beside models.yaml.
    """
    before, after = _trained_on(old), _trained_on(new)
    if old is None or before is None or after is None or before.digest == after.digest:
        return NO_DRIFT
    try:
        frames = _frame(old, before, recipes), _frame(new, after, recipes)
    except (DataError, RecipeError, TrainingDataError) as error:
        note = f"distributions of the training data not compared: {one_line(error)}"
        return Drift(columns=tuple(_retyped(before, after)), note=note)
    return Drift(columns=tuple(sorted(_columns(*frames), key=order)))


def _trained_on(side: Side | None) -> DatasetUse | None:
    """The one data set that a version was trained on."""
    used = [use for use in side.version.datasets if use.context == _TRAIN] if side else []
    return used[0] if len(used) == 1 else None


def _frame(side: Side, use: DatasetUse, recipes: Prepared) -> pd.DataFrame:
    """The very data that a version names, by MLflow's digest.

    Raises:
        DataError: they cannot be read here, or are no longer those.
        RecipeError: the version's recipe is not there, or fails.
        TrainingDataError: the recipe's data do not have the shape that it needs.
    """
    frame, place = _recipes(side.version, recipes), "the recipe's data on this machine"
    if frame is None:
        place = _place(use)
        folders = recipes.package.folders
        folder = Path(folders[0]) if folders else Path()
        frame = tables.read(place, folder).frame
    if _digest(frame) != use.digest:
        raise DataError(
            f"{side.label} was trained on {use.name} ({use.digest}), and {place} is not that"
        )
    return frame


def _recipes(version: Version, recipes: Prepared) -> pd.DataFrame | None:
    training, _ = recipes.of(version)
    known = training.learnt_from if training else None
    return known.examples.frame() if known else None


def _place(use: DatasetUse) -> str:
    """The path or address that MLflow recorded.

    Raises:
        DataError: it recorded neither.
    """
    try:
        source = from_json(use.source)
        found = next(source[key] for key in _PLACES if isinstance(source.get(key), str))
    except (ValueError, AttributeError, StopIteration):
        raise DataError(f"{use.name} ({use.digest}) names no file or address") from None
    return str(found).removeprefix("file://")


def _digest(frame: pd.DataFrame) -> str:
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.pandas_dataset import from_pandas

    return str(from_pandas(frame, source=CodeDatasetSource(tags={})).digest)


def _retyped(before: DatasetUse, after: DatasetUse) -> Iterator[ColumnDrift]:
    """What two schemas tell: columns that only one has, or that have another type."""
    old, new = _schema(before), _schema(after)
    if not (old and new):
        return
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            sides = [ColumnProfile(type=s[name]) if name in s else None for s in (old, new)]
            yield ColumnDrift(column=name, old=sides[0], new=sides[1])


def _schema(use: DatasetUse) -> dict[str, str]:
    """Column → type; empty where it was not recorded in the form that MLflow has for tables."""
    try:
        listed = from_json(use.schema)["mlflow_colspec"]
        return {str(one["name"]): str(one["type"]) for one in listed}
    except (ValueError, KeyError, TypeError):
        return {}


def _columns(old: pd.DataFrame, new: pd.DataFrame) -> Iterator[ColumnDrift]:
    for name in dict.fromkeys((*old.columns, *new.columns)):
        sides = [frame[name] if name in frame.columns else None for frame in (old, new)]
        profiles = [None if side is None else _profile(side) for side in sides]
        measure, distance = _distance(sides[0], sides[1])
        yield ColumnDrift(
            column=str(name),
            old=profiles[0],
            new=profiles[1],
            distance=distance,
            measure=measure,
        )


def _profile(column: pd.Series) -> ColumnProfile:
    known = column.dropna()
    missing = float(column.isna().mean()) if len(column) else 0.0
    kind = str(column.dtype)
    if not _is_number(column):
        return ColumnProfile(type=kind, missing=missing, values=known.astype(str).nunique())
    if not len(known):
        return ColumnProfile(type=kind, missing=missing)
    low, high = float(known.min()), float(known.max())
    return ColumnProfile(type=kind, missing=missing, low=low, high=high)


def _distance(old: pd.Series | None, new: pd.Series | None) -> tuple[Measure | None, float | None]:
    """How far apart the values of a column are, those that are missing left out."""
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import ks_2samp

    if old is None or new is None:
        return None, None
    before, after = old.dropna(), new.dropna()
    if not (len(before) and len(after)):
        return None, None
    if _is_number(old) and _is_number(new):
        found = ks_2samp(before.astype(float), after.astype(float), method="asymp")
        return "Kolmogorov-Smirnov", float(found.statistic)
    shares = [one.astype(str).value_counts(normalize=True) for one in (before, after)]
    both = shares[0].index.union(shares[1].index)
    aligned = [one.reindex(both, fill_value=0.0) for one in shares]
    return "Jensen-Shannon", float(jensenshannon(aligned[0], aligned[1], base=2))


def _is_number(column: pd.Series) -> bool:
    import pandas as pd

    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
