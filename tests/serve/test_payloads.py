"""Requests derived from a model are understood by MLflow's own scoring code, and answered alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from mlgitops.serve.examples import Example, example_in
from mlgitops.serve.payloads import good, request_in, unfit
from mlgitops.serve.truth import same

if TYPE_CHECKING:
    from pathlib import Path

    from mlflow.pyfunc import PyFuncModel

FRAME = pd.DataFrame({"a": [1.0, 2.5], "b": [3.0, -4.0]})


def saved(folder: Path, *, example: Any = None, signature: Any = None) -> PyFuncModel:
    """A model that gives the sum of each row, as MLflow saves and loads it."""
    import mlflow

    class Model(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined,misc]
        def predict(self, model_input, params=None):  # type: ignore[no-untyped-def] # noqa: ARG002
            return np.asarray(model_input).reshape(len(model_input), -1).sum(axis=1)

    mlflow.pyfunc.save_model(
        folder,
        python_model=Model(),
        input_example=example,
        signature=signature,
        pip_requirements=["mlflow"],
    )
    loaded: PyFuncModel = mlflow.pyfunc.load_model(str(folder))
    return loaded


def asked(model: PyFuncModel, body: bytes, content_type: str | None) -> Any:
    """What MLflow's scoring code answers to a request."""
    from mlflow.pyfunc.scoring_server import invocations

    answer = invocations(body, content_type, model, model.metadata.get_input_schema())
    return json.loads(answer.response)["predictions"]


def check_all(model: PyFuncModel, folder: Path) -> list[str]:
    """Every format gives the model's own predictions; returns their names."""
    example = example_in(folder)
    truth = np.asarray(model.predict(example.inputs)).tolist()
    names = []
    for payload in good(example):
        assert same(asked(model, payload.body, payload.content_type), truth), payload.name
        names.append(payload.name)
    return names


def test_named_columns(tmp_path: Path) -> None:
    """A data frame goes through all six formats, and as MLflow has saved it."""
    formats = ["dataframe_split", "dataframe_records", "instances", "inputs", "CSV", "Parquet"]
    assert [*formats, "example"] == check_all(saved(tmp_path / "m", example=FRAME), tmp_path / "m")


def test_a_tensor(tmp_path: Path) -> None:
    """An array goes through the two that can hold one."""
    model = saved(tmp_path / "m", example=np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert check_all(model, tmp_path / "m") == ["instances", "inputs", "example"]
    assert [one.name for one in unfit(example_in(tmp_path / "m"))] == ["text for numbers"]


def test_a_signature_without_an_example(tmp_path: Path) -> None:
    """Rows are made from the names and types of the columns, or the shape of the tensor."""
    from mlflow.models import infer_signature

    frame = saved(tmp_path / "frame", signature=infer_signature(FRAME))
    made = example_in(tmp_path / "frame").inputs
    assert isinstance(made, pd.DataFrame)
    assert list(made.columns) == ["a", "b"]
    assert len(check_all(frame, tmp_path / "frame")) == 6

    tensor = saved(tmp_path / "tensor", signature=infer_signature(np.ones((5, 3))))
    assert np.asarray(example_in(tmp_path / "tensor").inputs).shape == (1, 3)
    assert len(check_all(tensor, tmp_path / "tensor")) == 2


NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(-(2**53), 2**53)), min_size=1, max_size=4))
def test_no_format_changes_a_number(rows: list[tuple[float, float, int]]) -> None:
    """What MLflow's parser makes of each format is the frame that it was made from."""
    import io

    from mlflow.pyfunc.scoring_server import infer_and_parse_data, parse_csv_input

    frame = pd.DataFrame(rows, columns=["a", "b", "n"])
    for payload in good(Example(inputs=frame)):
        if payload.name == "CSV":
            parsed = parse_csv_input(io.StringIO(payload.body.decode()))
        elif payload.name == "Parquet":
            parsed = pd.read_parquet(io.BytesIO(payload.body))
        else:
            parsed = infer_and_parse_data(json.loads(payload.body))
        columns = parsed if isinstance(parsed, dict) else parsed.to_dict(orient="list")
        assert same([list(map(float, columns[c])) for c in frame], frame.T.values.tolist())


def test_a_readable_request_of_a_table_has_one_row_and_the_parameters(tmp_path: Path) -> None:
    """Those of the example where it has some, else their defaults."""
    from mlflow.models import infer_signature

    signature = infer_signature(FRAME, np.ones(2), params={"limit": 5, "topic": "wind"})
    saved(tmp_path / "m", example=(FRAME, {"limit": 7, "topic": "sun"}), signature=signature)
    saved(tmp_path / "n", example=FRAME, signature=signature)
    for folder, params in (
        ("m", {"limit": 7, "topic": "sun"}),
        ("n", {"limit": 5, "topic": "wind"}),
    ):
        asked = json.loads(request_in(tmp_path / folder).body)
        assert asked == {"dataframe_records": [{"a": 1.0, "b": 3.0}], "params": params}


def typed(*columns: Any) -> Any:
    """A signature of columns of MLflow's types."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema

    return ModelSignature(inputs=Schema(list(columns)))


def test_a_readable_request_of_nested_types(tmp_path: Path) -> None:
    """Arrays, objects, maps and any crash nothing: values are made, one of each."""
    from mlflow.types.schema import AnyType, Array, ColSpec, DataType, Map, Object, Property

    message = Object([Property("role", DataType.string), Property("id", "long", required=False)])
    columns = [
        ColSpec(Array(message), "messages"),
        ColSpec(Map(DataType.double), "weights"),
        ColSpec(AnyType(), "rest"),
    ]
    saved(tmp_path / "m", signature=typed(*columns))
    asked = json.loads(request_in(tmp_path / "m").body)
    assert asked == {
        "dataframe_records": [
            {"messages": [{"role": "1.0"}], "weights": {"key": 1.0}, "rest": "text"}
        ]
    }


def test_a_readable_request_of_a_chat_is_its_example(tmp_path: Path) -> None:
    """What is no table is sent as MLflow saved it."""
    import mlflow
    from mlflow.types.llm import ChatChoice, ChatCompletionResponse, ChatMessage

    class Echo(mlflow.pyfunc.ChatModel):  # type: ignore[name-defined,misc]
        def predict(self, context, messages, params):  # type: ignore[no-untyped-def] # noqa: ARG002
            said = ChatMessage(role="assistant", content=messages[-1].content)
            return ChatCompletionResponse(choices=[ChatChoice(index=0, message=said)])

    asked = {"messages": [{"role": "user", "content": "How much wind?"}]}
    mlflow.pyfunc.save_model(
        tmp_path / "m", python_model=Echo(), input_example=asked, pip_requirements=["mlflow"]
    )
    sent = json.loads(request_in(tmp_path / "m").body)
    assert sent["messages"] == asked["messages"]
