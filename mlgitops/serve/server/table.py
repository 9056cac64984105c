"""The short way for the most common request: a table of numbers for a model of arrays.

MLflow parses such a request into a DataFrame by way of objects, looks at the type of every column
twice and lets scikit-learn look at their names: on one row of nine columns that takes three times
as long as the prediction. When every column is a required `double` and every value a finite number,
all of that has one outcome, an array of float64, which is made here directly. Whatever is not
exactly so takes MLflow's way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from mlflow.types import DataType

from .compiled import compiled
from .cost import is_quick

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow.pyfunc import PyFuncModel

_FLAVOURS = {"mlflow.sklearn", "mlflow.lightgbm", "mlflow.xgboost"}
_EXACT = 2**53  # from there on integers are not exact as floats
_PROBES = (1, 16)  # rows
_QUICK_BYTES = 4096


@dataclass(frozen=True)
class Table:
    """How to predict from a table without MLflow's detours.

    Attributes:
        columns: names, in the order of the signature.
        predict_array: predictions of an array (n × columns) of float64.
        compiled: which trees are compiled: `exact`, `close` or `no`.
        quick_bytes: the size up to which requests are answered in milliseconds; 0 if none are.
    """

    columns: tuple[str, ...]
    predict_array: Callable[[Any], Any]
    quick_bytes: int
    compiled: str = "no"

    @classmethod
    def of(
        cls, model: PyFuncModel, theirs: Callable[[Any], str | None], *, close: bool = False
    ) -> Table | None:
        """The short way of a model; None if it has none, or one with other answers.

        Args:
            model: as MLflow loaded it.
            theirs: MLflow's answer to a parsed request; None if it gives none.
            close: whether compiled trees may differ in the last bits.
        """
        columns = _plain_columns(model)
        if columns is None or model.loader_module not in _FLAVOURS:
            return None
        wrapped = model.metadata.flavors["python_function"]
        raw, method = model.get_raw_model(), wrapped.get("predict_fn") or "predict"
        predict = getattr(raw, method, None)
        if predict is None:
            return None
        table, requests = cls(columns, predict, 0), [_probe(columns, rows) for rows in _PROBES]
        if not all(table._answers(request, theirs) for request in requests):
            return None
        predict, how = compiled(raw, method, close=close)
        table = replace(table, predict_array=predict, compiled=how)
        quick = is_quick(lambda: table.predict(requests[-1]))
        return replace(table, quick_bytes=_QUICK_BYTES) if quick else table

    def predict(self, request: Any) -> str | None:
        """The answer to a parsed request; None if it has to take MLflow's way."""
        rows = self._rows(request)
        if rows is None:
            return None
        found = self.predict_array(rows)
        if type(found) is not np.ndarray:
            return None
        try:
            return json.dumps({"predictions": found.tolist()})
        except TypeError:  # objects that MLflow converts first
            return None

    def _answers(self, request: Any, theirs: Callable[[Any], str | None]) -> bool:
        """Whether a request gets the very text that MLflow answers."""
        try:
            ours = self.predict(request)
            return ours is not None and ours == theirs(request)
        except Exception:  # noqa: BLE001 - whatever it is, this model takes MLflow's way
            return False

    def _rows(self, request: Any) -> np.ndarray[Any, Any] | None:
        if type(request) is not dict or len(request) != 1:
            return None
        ((key, value),) = request.items()
        if key == "dataframe_records":
            return self._numbers(self._of_records(value))
        if key == "dataframe_split":
            return self._numbers(self._of_split(value))
        return None

    def _of_records(self, records: Any) -> list[Any] | None:
        if type(records) is not list or not records:
            return None
        first, *others = self.columns
        get = itemgetter(first, *others) if others else lambda record: (record[first],)
        try:
            if set(map(len, records)) == {len(self.columns)}:
                return list(map(get, records))
        except (TypeError, KeyError):
            pass  # another column, or no record
        return None

    def _of_split(self, split: Any) -> list[Any] | None:
        if type(split) is not dict or split.keys() != {"columns", "data"}:
            return None
        rows = split["data"]
        if split["columns"] != list(self.columns) or type(rows) is not list or not rows:
            return None
        width = len(self.columns)
        whole = all(type(row) is list and len(row) == width for row in rows)
        return rows if whole else None

    def _numbers(self, rows: list[Any] | None) -> np.ndarray[Any, Any] | None:
        """Finite numbers in the order that a DataFrame's have in memory: it moves last bits."""
        if rows is None:
            return None
        kinds = set(map(type, chain.from_iterable(rows)))
        if not kinds <= {float, int}:
            return None
        try:
            array = np.array(rows, dtype=np.float64, order="F")
        except OverflowError:  # an integer beyond any float
            return None
        if int in kinds and np.abs(array).max() >= _EXACT:
            return None
        return array if np.isfinite(array).all() else None


def _plain_columns(model: PyFuncModel) -> tuple[str, ...] | None:
    """The names of the columns, where each is a required double and nothing else is asked for."""
    schema = model.metadata.get_input_schema()
    if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
        return None
    if model.metadata.get_params_schema() is not None:
        return None
    if any(column.type != DataType.double for column in schema.inputs):
        return None
    names = tuple(schema.input_names())
    whole = len(set(names)) == len(names) == len(schema.required_input_names())
    return names if whole else None


def _probe(columns: tuple[str, ...], rows: int) -> dict[str, Any]:
    """A request with numbers of all magnitudes, the same at every start."""
    random = np.random.default_rng(0)
    shape = (rows, len(columns))
    numbers = random.normal(size=shape) * 10.0 ** random.integers(-3, 5, size=shape)
    return {"dataframe_split": {"columns": list(columns), "data": numbers.tolist()}}
