"""The short way for the most common request: a table of numbers for a scikit-learn model.

MLflow parses such a request into a DataFrame by way of objects, looks at the type of every column
twice and lets scikit-learn look at their names: on one row of nine columns that takes three times
as long as the prediction. When every column is a required `double` and every value a finite number,
all of that has one outcome, an array of float64, which is made here directly. Whatever is not
exactly so takes MLflow's way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from mlflow.types import DataType

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow.pyfunc import PyFuncModel

_EXACT = 2**53  # beyond it integers are not exact as floats
_PROBES = 16
_QUICK_SECONDS = 0.005


@dataclass(frozen=True)
class Table:
    """How to predict from a table without MLflow's detours.

    Attributes:
        columns: names, in the order of the signature.
        predict_array: predictions of an array (n × columns) of float64.
        quick_bytes: the size up to which requests are answered in milliseconds; 0 if none are.
    """

    columns: tuple[str, ...]
    predict_array: Callable[[Any], Any]
    quick_bytes: int

    @classmethod
    def of(cls, model: PyFuncModel) -> Table | None:
        """The short way of a model; None if it has none, or one with other predictions."""
        columns = _plain_columns(model)
        if columns is None or model.loader_module != "mlflow.sklearn":
            return None
        wrapped = model.metadata.flavors["python_function"]
        predict = getattr(model.get_raw_model(), wrapped.get("predict_fn") or "predict", None)
        if predict is None or not _same(model, predict, columns):
            return None
        return cls(columns, predict, 4096 if _seconds(predict, columns) < _QUICK_SECONDS else 0)

    def predict(self, request: Any) -> str | None:
        """The answer to a parsed request; None if it has to take MLflow's way."""
        rows = self._rows(request)
        if rows is None:
            return None
        found = self.predict_array(rows)
        if type(found) is not np.ndarray or found.dtype.kind not in "fiu":
            return None
        return json.dumps({"predictions": found.tolist()})

    def _rows(self, request: Any) -> np.ndarray[Any, Any] | None:
        if type(request) is not dict or len(request) != 1:
            return None
        ((key, value),) = request.items()
        if key == "dataframe_records":
            return self._numbers(self._of_records(value))
        if key == "dataframe_split":
            return self._numbers(self._of_split(value))
        return None

    def _of_records(self, records: Any) -> list[list[Any]] | None:
        if type(records) is not list or not records:
            return None
        names, width = self.columns, len(self.columns)
        try:
            if all(len(record) == width for record in records):
                return [[record[name] for name in names] for record in records]
        except (TypeError, KeyError):
            pass  # another column, or no record
        return None

    def _of_split(self, split: Any) -> list[list[Any]] | None:
        if type(split) is not dict or split.keys() != {"columns", "data"}:
            return None
        rows = split["data"]
        if split["columns"] != list(self.columns) or type(rows) is not list or not rows:
            return None
        width = len(self.columns)
        whole = all(type(row) is list and len(row) == width for row in rows)
        return rows if whole else None

    def _numbers(self, rows: list[list[Any]] | None) -> np.ndarray[Any, Any] | None:
        if rows is None:
            return None
        kinds = {type(value) for row in rows for value in row}
        if not kinds <= {float, int}:
            return None
        if int in kinds and any(type(v) is int and abs(v) > _EXACT for row in rows for v in row):
            return None
        array = np.array(rows, dtype=np.float64)
        return array if np.isfinite(array).all() else None


def _plain_columns(model: PyFuncModel) -> tuple[str, ...] | None:
    """The names of the columns, where each is a required double and nothing else is asked for."""
    schema = model.metadata.get_input_schema()
    if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
        return None
    if model.metadata.get_params_schema() is not None:
        return None
    if any(column.type != DataType.double or not column.required for column in schema.inputs):
        return None
    names = tuple(schema.input_names())
    return names if len(set(names)) == len(names) else None


def _probes(columns: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """Rows of all magnitudes, the same at every start."""
    random = np.random.default_rng(0)
    return random.normal(size=(_PROBES, len(columns))) * 10.0 ** random.integers(
        -3, 5, size=(_PROBES, len(columns))
    )


def _same(model: PyFuncModel, predict: Callable[[Any], Any], columns: tuple[str, ...]) -> bool:
    """Whether the short way gives the very numbers that MLflow's gives."""
    rows = _probes(columns)
    try:
        theirs = model.predict(pd.DataFrame(rows, columns=list(columns)))
        ours = predict(rows)
    except Exception:  # noqa: BLE001 - whatever it is, this model takes MLflow's way
        return False
    return (
        type(ours) is type(theirs) is np.ndarray
        and ours.dtype == theirs.dtype
        and bool(np.array_equal(ours, theirs, equal_nan=True))
    )


def _seconds(predict: Callable[[Any], Any], columns: tuple[str, ...]) -> float:
    """The time of a prediction of some rows, the better of two."""
    from time import perf_counter

    taken = []
    for _ in range(2):
        begun = perf_counter()
        predict(_probes(columns))
        taken.append(perf_counter() - begun)
    return min(taken)
