"""Every kind of model is proven: asked what its example or signature says, and answered alike."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from mlgitops.serve import truth
from mlgitops.serve.smoke import smoke
from tests.serve.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlflow.types.schema import ColSpec, TensorSpec

pytestmark = [pytest.mark.no_docker, pytest.mark.timeout(300)]

CODE = '''
import uuid

import mlflow
import numpy as np
from mlflow.types.llm import ChatChoice, ChatCompletionResponse, ChatMessage
from mlflow.types.responses import ResponsesAgentResponse


class Chat(mlflow.pyfunc.ChatModel):
    def predict(self, context, messages, params):
        said = ChatMessage(role="assistant", content=messages[-1].content)
        choices = [ChatChoice(index=0, message=said)]
        return ChatCompletionResponse(id=str(uuid.uuid4()), choices=choices)


class Agent(mlflow.pyfunc.ResponsesAgent):
    def predict(self, request):
        said = str(request.input[-1].content)
        item = self.create_text_output_item(text=said, id=str(uuid.uuid4()))
        return ResponsesAgentResponse(output=[item])


class Tensors(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return {"sum": np.asarray(model_input["a"]).sum(axis=1) + np.asarray(model_input["b"])}


class Written(mlflow.pyfunc.PythonModel):
    """Answers with all that it was given, in words: whatever is read otherwise shows."""

    def predict(self, context, model_input, params=None):
        rows = model_input.to_dict("records")
        return [f"{sorted(row.items(), key=str)} {params}" for row in rows]


class Texts(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[str], params=None) -> list[str]:
        return [text.upper() for text in model_input]


mlflow.models.set_model(NAME())
'''


def nested() -> dict[str, Any]:
    """A signature of every type, without an example."""
    from mlflow.models import ModelSignature
    from mlflow.types import ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType, Array, ColSpec, DataType, Map, Object, Property

    message = Object([Property("role", DataType.string), Property("id", "long", required=False)])
    columns: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.datetime, "when", required=False),
        ColSpec(Array(message), "messages"),
        ColSpec(Map(DataType.double), "weights"),
        ColSpec(AnyType(), "rest"),
        ColSpec(DataType.binary, "raw"),
        ColSpec(DataType.boolean, "yes"),
    ]
    params = ParamSchema([ParamSpec("limit", DataType.long, 5)])
    return {"signature": ModelSignature(inputs=Schema(columns), params=params)}


def tables() -> dict[str, Any]:
    """An example with times, texts, missing values and parameters."""
    when = pd.to_datetime(["2024-01-02", "2024-03-04"])
    frame = pd.DataFrame({"when": when, "text": ["a", "b"], "n": [1, 2], "x": [1.5, np.nan]})
    return {"input_example": (frame, {"limit": 7})}


KINDS: dict[str, tuple[str, Callable[[], dict[str, Any]], set[str]]] = {
    "chat": ("Chat", dict, {"example"}),
    "agent": ("Agent", dict, {"example"}),
    "named tensors": (
        "Tensors",
        lambda: {"input_example": {"a": np.ones((2, 3)), "b": np.arange(2)}},
        {"inputs", "instances", "example"},
    ),
    "every type": ("Written", nested, {"dataframe_split", "dataframe_records", "params"}),
    "times": ("Written", tables, {"dataframe_split", "dataframe_records", "example", "params"}),
    "type hints": ("Texts", dict, {"example"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_model_is_proven(kind: str, tmp_path: Path) -> None:
    """Our server gives the model's own answers; formats that MLflow refuses are no failure."""
    import mlflow

    name, made, wanted = KINDS[kind]
    (tmp_path / "code.py").write_text(CODE.replace("NAME()", f"{name}()"), encoding="utf-8")
    model = tmp_path / "model"
    mlflow.pyfunc.save_model(
        model, python_model=tmp_path / "code.py", pip_requirements=["mlflow"], **made()
    )
    ask = partial(truth.of_folder, model, own=None)
    with serving(model, tmp_path / "log", SERVING_TIMEOUT="200") as server:
        report = smoke(server.url, model, ask, strict=True, timeout=200)
    assert [(one.request, one.actual) for one in report.failed] == []
    proven = {one.request for one in report.checks if one.expected.endswith("own predictions")}
    assert {f"POST {one}" for one in wanted} <= proven
