"""The prepared way for tables of any plain type: requests as the DataFrames that MLflow makes.

MLflow parses a table by way of objects, guesses the type of each column, casts it, then looks at
every column once more and copies it. Where the signature says the types and the values are of these
types, all of that has one outcome, which is made here directly. Whatever is not exactly so takes
MLflow's way, and so does every error.
"""

from __future__ import annotations

import json
from copy import copy
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server
from mlflow.types import ColSpec, DataType, Schema
from mlflow.utils.proto_json_utils import NumpyEncoder, _get_jsonable_obj

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mlflow.pyfunc import PyFuncModel

    _Columns = dict[str, Sequence[Any]]
    _Read = Callable[[Any, tuple[str, ...]], _Columns]
    _Arrays = dict[DataType, Callable[[Sequence[Any]], np.ndarray[Any, Any]]]

_EXACT = 2**53  # from here on integers are not exact as floats
_NONE = type(None)
_NAN = float("nan")  # what pandas puts where a record has no such key
_TIME = Schema([ColSpec(DataType.datetime, "time")])


class _ElsewhereError(Exception):
    """It is not certain what MLflow makes of it."""


@dataclass(frozen=True)
class Frames:
    """How to predict from a table of plain types without MLflow's detours.

    Attributes:
        model: takes frames as they are, without a look at its signature.
        types: of the columns by name, in the order of the signature.
        required: the columns that must be there.
        cells: the most values in a table; a larger one takes MLflow's way.
    """

    model: PyFuncModel
    types: dict[str, DataType]
    required: frozenset[str]
    cells: int

    @classmethod
    def of(cls, model: PyFuncModel, cells: int) -> Frames | None:
        """The prepared way of a model; None if it has none, or one with other frames."""
        try:
            made = cls._made(model, cells)
            return made if made is not None and _proven(made, model) else None
        except Exception:  # noqa: BLE001 - whatever it is, this model takes MLflow's way
            return None

    @classmethod
    def _made(cls, model: PyFuncModel, cells: int) -> Frames | None:
        schema = model.metadata.get_input_schema()
        if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
            return None
        types = {column.name: column.type for column in schema.inputs}
        if len(types) < len(schema.inputs) or any(kind not in _BY_TABLE for kind in types.values()):
            return None
        required = frozenset(schema.required_input_names())
        return cls(_without_inputs(model), types, required, cells)

    def frame(self, request: Any) -> pd.DataFrame | None:
        """The table of a parsed request; None if it has to take MLflow's way."""
        if type(request) is not dict or len(request) != 1:
            return None
        ((key, value),) = request.items()
        if key not in _FORMATS:
            return None
        read, arrays = _FORMATS[key]
        try:
            return self._framed(read(value, tuple(self.types)), arrays)
        except (_ElsewhereError, MlflowException, KeyError, TypeError, ValueError, OverflowError):
            return None

    def _framed(self, columns: _Columns, arrays: _Arrays) -> pd.DataFrame:
        names = [name for name in self.types if name in columns]
        if not names or len(names) < len(columns) or not self.required <= columns.keys():
            raise _ElsewhereError
        if not 0 < len(columns[names[0]]) * len(names) <= self.cells:
            raise _ElsewhereError
        made = [arrays[self.types[name]](columns[name]) for name in names]
        if all(self.types[name] is DataType.double for name in names):
            # one block whose rows are columns, as pandas keeps it: another order of numbers in
            # memory may give another last bit of a sum
            return pd.DataFrame(np.array(made).T, columns=names, copy=False)
        return pd.DataFrame(dict(zip(names, made)))


def answer(predictions: Any) -> str:
    """Predictions as MLflow writes them, by the encoder in C, which json.dump never takes."""
    found = _get_jsonable_obj(predictions, pandas_orient="records")
    return json.dumps({"predictions": found}, cls=NumpyEncoder)


def _without_inputs(model: PyFuncModel) -> PyFuncModel:
    """The model as if its signature said nothing of inputs: what is done to them is done."""
    bare, metadata = copy(model), copy(model.metadata)
    metadata.signature = copy(metadata.signature)
    metadata.signature.inputs = None
    bare._model_meta = metadata  # noqa: SLF001 - MLflow has no name for it
    return bare


def _of_records(records: Any, names: tuple[str, ...]) -> _Columns:
    """The columns of a list of records; what only some records have is NaN in the others."""
    try:
        return _of_instances(records, names)
    except KeyError:
        keys = set().union(*records)
    if not keys.issubset(names):
        raise _ElsewhereError
    return {key: [record.get(key, _NAN) for record in records] for key in keys}


def _of_instances(records: Any, _: tuple[str, ...]) -> _Columns:
    """The columns of a list of records with the same keys; KeyError if they have others."""
    if type(records) is not list or not records or set(map(type, records)) != {dict}:
        raise _ElsewhereError
    keys = tuple(records[0])
    if set(map(len, records)) != {len(keys)}:
        raise KeyError
    if len(keys) == 1:
        return {keys[0]: [record[keys[0]] for record in records]}
    return _columns(keys, map(itemgetter(*keys), records))


def _of_split(split: Any, _: tuple[str, ...]) -> _Columns:
    if type(split) is not dict or split.keys() != {"columns", "data"}:
        raise _ElsewhereError
    names, rows = split["columns"], split["data"]
    if type(names) is not list or type(rows) is not list or len(set(names)) < len(names):
        raise _ElsewhereError
    if set(map(type, rows)) != {list} or set(map(len, rows)) != {len(names)}:
        raise _ElsewhereError
    return _columns(names, rows)


def _columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> _Columns:
    """By way of one list of all values: each row is looked at once, and none is kept."""
    values = list(chain.from_iterable(rows))
    return {name: values[place :: len(names)] for place, name in enumerate(names)}


def _of_inputs(inputs: Any, _: tuple[str, ...]) -> _Columns:
    if type(inputs) is not dict or any(type(column) is not list for column in inputs.values()):
        raise _ElsewhereError
    if len(set(map(len, inputs.values()))) != 1:
        raise _ElsewhereError
    found: _Columns = inputs
    return found


def _doubles(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    kinds = _kinds(values, float, int, _NONE)
    array = np.array(values, dtype=np.float64)
    if int in kinds and (np.abs(array) >= _EXACT).any():
        raise _ElsewhereError
    return array


def _floats(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    return _doubles(values).astype(np.float32)


def _longs(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    _kinds(values, int)
    return np.array(values, dtype=np.int64)


def _integers(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    longs = _longs(values)
    array = longs.astype(np.int32)
    if (array != longs).any():
        raise _ElsewhereError
    return array


def _booleans(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    _kinds(values, bool, _NONE)
    return np.array(values, dtype=bool)


def _strings(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """As objects, of which pandas makes what its version makes of text."""
    kinds = _kinds(values, str, _NONE, float)
    if float in kinds and str not in kinds:  # then pandas takes them for numbers
        raise _ElsewhereError
    return np.array(values, dtype=object)


def _tensors_of_strings(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Without what numpy's own text cannot hold."""
    _kinds(values, str)
    if any("\0" in value for value in values):
        raise _ElsewhereError
    return np.array(values, dtype=object)


def _times(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """By MLflow's own parser: what it takes for a time changes with its versions."""
    _kinds(values, str)
    request = {"dataframe_split": {"columns": ["time"], "data": [[value] for value in values]}}
    array: np.ndarray[Any, Any] = scoring_server.infer_and_parse_data(request, _TIME)["time"].values
    if array.dtype != np.dtype("datetime64[ns]"):  # with a time zone, which MLflow refuses later
        raise _ElsewhereError
    return array


def _kinds(values: Sequence[Any], *allowed: type) -> set[type]:
    found = set(map(type, values))
    if not found.issubset(allowed):
        raise _ElsewhereError
    return found


def _proven(frames: Frames, model: PyFuncModel) -> bool:
    """Whether requests with each kind of value give the very frames that the model gets."""
    got: list[Any] = []

    def keep(frame: Any) -> list[Any]:
        got.append(frame)
        return []

    kept = copy(model)
    kept._predict_fn = keep  # noqa: SLF001 - MLflow has no name for what it gives to models
    schema = model.metadata.get_input_schema()
    for request in _probes(frames):
        scoring_server.invocations(json.dumps(request), "application/json", kept, schema)
        if not _equal(frames.frame(request), got.pop()):
            return False
    return True


def _probes(frames: Frames) -> Iterator[dict[str, Any]]:
    """Requests in each format, in other orders and without optional columns."""
    every: _Columns = {name: _VALUES[kind] for name, kind in frames.types.items()}
    optional = [name for name in every if name not in frames.required]
    yield _records(every)
    yield _split(dict(reversed(every.items())))
    for absent in (optional[1:], optional[::2]):
        some: _Columns = {name: every[name][:1] for name in reversed(every) if name not in absent}
        if some:
            yield _split(some)
    if DataType.datetime not in frames.types.values():
        one: _Columns = {name: values[:1] for name, values in every.items()}
        yield {scoring_server.INSTANCES: _records(one)[scoring_server.DF_RECORDS]}
        yield {scoring_server.INPUTS: one}


def _records(columns: _Columns) -> dict[str, Any]:
    rows = zip(*columns.values())
    return {scoring_server.DF_RECORDS: [dict(zip(columns, row)) for row in rows]}


def _split(columns: _Columns) -> dict[str, Any]:
    rows = list(map(list, zip(*columns.values())))
    return {scoring_server.DF_SPLIT: {"columns": list(columns), "data": rows}}


def _equal(ours: pd.DataFrame | None, theirs: Any) -> bool:
    """Equal to the type of each value and of what names rows and columns."""
    if ours is None or not ours.equals(theirs):
        return False
    pairs = [(ours.index, theirs.index), (ours.columns, theirs.columns)]
    return (
        all(type(one) is type(other) and one.dtype == other.dtype for one, other in pairs)
        and list(ours.dtypes) == list(theirs.dtypes)
        and all(list(map(type, ours[name])) == list(map(type, theirs[name])) for name in ours)
    )


_BY_TABLE: _Arrays = {
    DataType.double: _doubles,
    DataType.float: _floats,
    DataType.long: _longs,
    DataType.integer: _integers,
    DataType.boolean: _booleans,
    DataType.string: _strings,
    DataType.datetime: _times,
}
_BY_TENSOR: _Arrays = {
    **{kind: make for kind, make in _BY_TABLE.items() if kind is not DataType.datetime},
    DataType.string: _tensors_of_strings,
}
_FORMATS: dict[str, tuple[_Read, _Arrays]] = {
    scoring_server.DF_RECORDS: (_of_records, _BY_TABLE),
    scoring_server.DF_SPLIT: (_of_split, _BY_TABLE),
    scoring_server.INSTANCES: (_of_instances, _BY_TENSOR),
    scoring_server.INPUTS: (_of_inputs, _BY_TENSOR),
}
_VALUES: dict[DataType, list[Any]] = {  # of each type,
    DataType.double: [0.5, -3, 1e15, None],
    DataType.float: [0.1, -3, 1e15, None],
    DataType.long: [0, 1, -(2**60), 7],
    DataType.integer: [0, 1, -(2**31), 7],
    DataType.boolean: [True, False, None, True],
    DataType.string: ["", "a", "1.5", None],
    DataType.datetime: ["2024-02-29T01:02:03", "1999-12-31T00:00:00"] * 2,
}
