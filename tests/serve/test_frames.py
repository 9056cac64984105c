"""Frames made directly: the very ones that MLflow makes of the same requests, and its answers."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import PyFuncModel, scoring_server
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

from mlgitops.serve.server.frames import Frames
from mlgitops.serve.server.scoring import Scorer
from mlgitops.serve.server.settings import read

if TYPE_CHECKING:
    from collections.abc import Callable

CELLS = 1000
TYPES = ["double", "float", "long", "integer", "boolean", "string", "datetime"]
WHOLE = st.integers(-(2**31), 2**31 - 1)
REAL = st.floats(-1e30, 1e30) | st.integers(-(10**6), 10**6)
TIMES = st.datetimes(min_value=pd.Timestamp(1700, 1, 1), max_value=pd.Timestamp(2200, 1, 1))
PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "double": REAL,
    "float": REAL,
    "long": WHOLE,
    "integer": WHOLE,
    "boolean": st.booleans(),
    "string": st.text(max_size=5) | st.sampled_from(["1.5", "nan", "2024-01-01", "True"]),
    "datetime": TIMES.map(lambda time: time.replace(microsecond=0).isoformat()),
}
ODD = st.sampled_from(
    [
        *(None, None, True, 0, 1.0, 2.5, "1.5", "text", "a\0"),
        *("2024-01-01T00:00:00Z", "2024-01-01", [1.0], {"a": 1}, math.nan, math.inf),
        *(-0.0, 2**31, 2**53 + 1, 2**63, 10**30, 1e39),
    ]
)


class Kept:
    """A model that keeps what it is given."""

    def __init__(self, answer: Callable[[Any], Any] = lambda _: []) -> None:
        self.given: list[Any] = []
        self._answer = answer

    def predict(self, data: Any) -> Any:
        """Whatever `answer` makes of it."""
        self.given.append(data)
        return self._answer(data)


def loaded(kept: Kept, signature: ModelSignature | None) -> PyFuncModel:
    """The model as MLflow loads it."""
    flavors = {"python_function": {"loader_module": "none"}}
    return PyFuncModel(Model(signature=signature, flavors=flavors), kept)


def signed(*columns: ColSpec | TensorSpec, params: Any = None) -> ModelSignature:
    """A signature."""
    return ModelSignature(inputs=Schema(list(columns)), params=params)


def theirs(kept: Kept, model: PyFuncModel, request: dict[str, Any]) -> pd.DataFrame:
    """The frame that a model gets from MLflow's server."""
    schema = model.metadata.get_input_schema()
    scoring_server.invocations(json.dumps(request), "application/json", model, schema)
    found: pd.DataFrame = kept.given.pop()
    return found


TABLES = [  # the types of columns; some of them are optional
    {"temperature": ("double", True), "speed": ("double", True), "gusts": ("double", False)},
    {kind: (kind, True) for kind in TYPES},
    {kind: (kind, False) for kind in TYPES},
    {"name": ("string", True)},
]


@pytest.fixture(scope="module")
def prepared() -> list[tuple[Kept, PyFuncModel, Frames]]:
    """A model for each of these tables, and its prepared way."""
    found = []
    for table in TABLES:
        columns = [ColSpec(kind, name, needed) for name, (kind, needed) in table.items()]
        model = loaded(kept := Kept(), signed(*columns))
        frames = Frames.of(model, CELLS)
        assert frames is not None
        found.append((kept, model, frames))
    return found


@st.composite
def tables(draw: st.DrawFn, columns: dict[str, tuple[str, bool]]) -> dict[str, Any]:
    """Requests in all formats: mostly plain, with each kind of fault."""
    count = draw(st.integers(1, 3))
    kept = [name for name, (_, needed) in columns.items() if needed or draw(st.booleans())]
    values: dict[str, list[Any]] = {}
    for name in draw(st.permutations(kept)):
        given_as = PLAIN[columns[name][0]]
        if draw(st.integers(0, 5)) == 0:
            given_as = given_as | ODD
        values[name] = draw(st.lists(given_as, min_size=count, max_size=count))
    if draw(st.integers(0, 9)) == 0:
        values["extra"] = [1.0] * count
    records = [{name: column[row] for name, column in values.items()} for row in range(count)]
    if draw(st.integers(0, 4)) == 0 and records[0]:
        del records[-1][draw(st.sampled_from(sorted(records[-1])))]
    rows = [[column[row] for column in values.values()] for row in range(count)]
    found: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"dataframe_records": records},
                {"dataframe_split": {"columns": list(values), "data": rows}},
                {"instances": records},
                {"inputs": values},
                {"dataframe_split": {"columns": list(values), "data": [*rows, [1.0]]}},
                {"dataframe_records": records, "params": {"a": 1}},
            ]
        )
    )
    return found


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_frame_is_the_one_that_mlflow_makes(
    prepared: list[tuple[Kept, PyFuncModel, Frames]], data: st.DataObject
) -> None:
    """To each value's type, the names' and rows' index, and the order of numbers in memory."""
    which = data.draw(st.integers(0, len(TABLES) - 1))
    request = json.loads(json.dumps(data.draw(tables(TABLES[which]))))
    kept, model, frames = prepared[which]
    ours = frames.frame(request)
    if ours is not None:
        kept.given.clear()
        same(ours, theirs(kept, model, request))


def same(ours: pd.DataFrame, other: pd.DataFrame) -> None:
    """Hold one frame to another."""
    exact: dict[str, Any] = {
        "check_exact": True,
        "check_index_type": "exact",
        "check_column_type": "exact",
    }
    pd.testing.assert_frame_equal(ours, other, **exact)
    for name in ours:
        kinds = [list(map(type, frame[name])) for frame in (ours, other)]
        assert kinds[0] == kinds[1]
        if ours[name].dtype.kind == "f":
            assert ours[name].to_numpy().tobytes() == other[name].to_numpy().tobytes()
    layouts = [frame.to_numpy().flags for frame in (ours, other)]
    assert layouts[0].f_contiguous == layouts[1].f_contiguous
    assert layouts[0].c_contiguous == layouts[1].c_contiguous


ROWS: dict[str, list[Any]] = {
    "double": [1.5, 2],
    "float": [1.5, 2],
    "long": [2**40, 2],
    "integer": [7, -7],
    "boolean": [True, False],
    "string": ["Ulm", "Bonn"],
    "datetime": ["2024-02-29T12:00:00", "2024-03-01T12:00:00"],
}
NULLS: dict[str, list[Any]] = {
    "double": [None, 1.5],
    "float": [math.nan, 1.5],
    "string": [None, "Ulm"],
}


def asking(values: dict[str, list[Any]]) -> dict[str, dict[str, Any]]:
    """A request for a table in each format."""
    rows = [list(row) for row in zip(*values.values(), strict=True)]
    records = [dict(zip(values, row, strict=True)) for row in rows]
    split: dict[str, Any] = {"columns": list(values), "data": rows}
    formats: dict[str, Any] = {"dataframe_records": records, "dataframe_split": split}
    formats |= {"instances": records, "inputs": values}
    return {key: {key: value} for key, value in formats.items()}


@pytest.mark.parametrize("kind", TYPES)
def test_each_plain_type_is_prepared(kind: str) -> None:
    """In every format; times by the formats of tables only."""
    kept = Kept()
    model = loaded(kept, signed(ColSpec(kind, "a"), ColSpec("double", "b", required=False)))
    frames = Frames.of(model, CELLS)
    assert frames is not None
    for values in ({"a": ROWS[kind], "b": [0.5, None]}, {"a": ROWS[kind]}):
        for key, request in asking(values).items():
            if kind != "datetime" or key.startswith("dataframe"):
                assert frames.frame(request) is not None, key
    if kind in NULLS:
        request = asking({"b": [1.0, 2.0], "a": NULLS[kind]})["dataframe_split"]
        ours = frames.frame(request)
        assert ours is not None
        kept.given.clear()
        same(ours, theirs(kept, model, request))


def test_what_only_some_records_have_is_missing_in_the_others() -> None:
    """As pandas takes it."""
    kept = Kept()
    columns = [ColSpec(kind, kind, required=False) for kind in ("double", "string")]
    model = loaded(kept, signed(*columns))
    frames = Frames.of(model, CELLS)
    assert frames is not None
    request = {"dataframe_records": [{"double": 1.5}, {"string": "a", "double": 2}, {}]}
    ours = frames.frame(request)
    assert ours is not None
    kept.given.clear()
    same(ours, theirs(kept, model, request))


@pytest.mark.parametrize(
    "signature",
    [
        None,
        signed(TensorSpec(np.dtype("float64"), (-1, 2))),
        signed(ColSpec("double"), ColSpec("double")),
        signed(ColSpec("binary", "a")),
    ],
)
def test_other_models_have_no_frames(signature: ModelSignature | None) -> None:
    """No signature, tensors, columns without names, types that are not plain."""
    assert Frames.of(loaded(Kept(), signature), CELLS) is None


def test_a_table_beyond_the_limit_is_left_to_it() -> None:
    """It is counted before it is made."""
    frames = Frames.of(loaded(Kept(), signed(ColSpec("double", "a"))), cells=9)
    assert frames is not None
    assert frames.frame({"inputs": {"a": [1.0] * 9}}) is not None
    assert frames.frame({"inputs": {"a": [1.0] * 10}}) is None


def answers(kept: Kept, signature: ModelSignature, body: bytes) -> tuple[Any, Any]:
    """What our server and MLflow's say."""
    model = loaded(kept, signature)
    scorer = Scorer(model, read({}))
    kept.given.clear()
    mine = scorer.answer(body, "application/json")
    assert len(kept.given) == 1
    try:
        other = scoring_server.invocations(
            body, "application/json", model, model.metadata.get_input_schema()
        )
    except MlflowException as error:
        document = json.loads(error.serialize_as_json())
        document.pop("stack_trace", None)
        return (mine.status, json.loads(mine.body)), (error.get_http_status_code(), document)
    return (mine.status, mine.body), (other.status, other.response)


ASKED = json.dumps(asking({"a": [1.5, 2.0], "b": ["x", None]})["dataframe_records"]).encode()
SIGNED = signed(ColSpec("double", "a"), ColSpec("string", "b"))


@pytest.mark.parametrize(
    "predictions",
    [
        np.array([0.1, math.nan, -0.0, 1e300]),
        np.array([[1, 2], [3, 4]], dtype=np.int32),
        np.array(["Ulm", "Köln", None], dtype=object),
        np.array([np.float32(0.1), np.int64(7), np.bool_(1), pd.Timestamp(0)], dtype=object),
        np.array([True, False]),
        np.array([0.1, 16777217], dtype=np.float32),
        np.array(["2024-02-29"], dtype="datetime64[ns]"),
        pd.Series([0.1, None], name="power"),
        pd.Series(["a", None, 'quo"te']),
        pd.DataFrame({"low": [0.1, 2], "label": ["a", None], "n": [1, 2], "on": [True, False]}),
        pd.DataFrame({"at": [pd.Timestamp(2024, 2, 29), pd.NaT]}),
        [np.float64(0.1), np.float32(0.1), {"a": np.arange(2)}, "text", b"bytes"],
        {"a": (1, 2), 7: None},
        "text",
    ],
    ids=lambda value: type(value).__name__,
)
def test_predictions_are_written_as_mlflow_writes_them(predictions: Any) -> None:
    """To the letter, whatever a model returns."""
    mine, other = answers(Kept(lambda _: predictions), SIGNED, ASKED)
    assert mine == other


def test_a_model_that_refuses_is_asked_once() -> None:
    """And the answer is MLflow's."""

    def refuse(_: Any) -> Any:
        raise MlflowException.invalid_parameter_value("no")

    mine, other = answers(Kept(refuse), SIGNED, ASKED)
    assert mine == other
    assert mine[0] == 400


def test_params_have_their_defaults() -> None:
    """Where the signature has params and a request has none."""
    given_params: list[Any] = []

    class Parametrised(Kept):
        def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
            given_params.append(params)
            return super().predict(data)

    params = ParamSchema([ParamSpec("quantile", "double", 0.5)])
    signature = signed(ColSpec("double", "a"), ColSpec("string", "b"), params=params)
    mine, other = answers(Parametrised(), signature, ASKED)
    assert mine == other
    assert given_params[-2:] == [{"quantile": 0.5}] * 2
