"""Saves a model of a flavour into a folder, and prints a request that it answers.

    python -m harness.saved NAME FOLDER

Plain MLflow code, of MLflow 2.9 to 3, with nothing of ours. Classes of pyfuncs are in this file:
what the main module defines is saved with a model, and what others define would be looked for.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

from harness.saved import libraries, tables
from harness.saved.parts import TEXTS, needs, records

ASKED = {"messages": [{"role": "user", "content": "How much wind will there be tomorrow?"}]}
_CODE = """
import mlflow
{imports}

class Doubled(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return {answer}

mlflow.models.set_model(Doubled())
"""


def _pyfunc(folder: Path, model: Any, example: Any, request: Any, **more: Any) -> dict[str, Any]:
    given = {"pip_requirements": needs(), "input_example": example, **more}
    mlflow.pyfunc.save_model(folder, python_model=model, **given)
    return dict(request)


class Described(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
    """Tells what it was given."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002
        """The types of the columns and how many values each has, for every row."""
        said = [f"{name} {kind}" for name, kind in model_input.dtypes.items()]
        return [f"{', '.join(said)}: {count}" for count in model_input.count(axis="columns")]


def optional_columns(folder: Path) -> dict[str, Any]:
    """A column that need not be there."""
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]})
    signature = infer_signature(frame, ["text"])
    request = {"dataframe_records": [{"a": 1.0}, {"a": 2.0}]}
    return _pyfunc(folder, Described(), frame, request, signature=signature)


def nullable_integers(folder: Path) -> dict[str, Any]:
    """Whole numbers that may be missing."""
    frame = pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [1.5, 2.5, None]})
    request = {"dataframe_records": [{"a": 1, "b": 1.5}, {"a": 3, "b": None}]}
    signature = infer_signature(frame, ["text"])
    return _pyfunc(folder, Described(), frame.dropna(), request, signature=signature)


def integers(folder: Path) -> dict[str, Any]:
    """Whole numbers of two sizes, and true and false."""
    frame = pd.DataFrame(
        {
            "a": np.array([1, 2], dtype="int64"),
            "b": np.array([3, 4], dtype="int32"),
            "c": [True, False],
            "d": np.array([1.5, 2.5], dtype="float32"),
        }
    )
    return _pyfunc(
        folder, Described(), frame, records(frame), signature=infer_signature(frame, ["text"])
    )


def datetimes(folder: Path) -> dict[str, Any]:
    """A column of times."""
    day = dt.datetime(2026, 1, 31, 12)  # noqa: DTZ001 - MLflow has times without a zone
    frame = pd.DataFrame({"at": [day, day + dt.timedelta(hours=1)], "wind": [3.5, 4.5]})
    request = {
        "dataframe_records": [{"at": moment.isoformat(), "wind": 3.5} for moment in frame["at"]]
    }
    return _pyfunc(folder, Described(), frame, request, signature=infer_signature(frame, ["text"]))


def _code(folder: Path, imports: str, answer: str, **more: Any) -> dict[str, Any]:
    frame = pd.DataFrame({"x": [1.0, 2.5]})
    with tempfile.TemporaryDirectory() as made:
        script = Path(made) / "model.py"
        script.write_text(_CODE.format(imports=imports, answer=answer))
        signature = infer_signature(frame, np.ones(2))
        return _pyfunc(folder, str(script), frame, records(frame), signature=signature, **more)


def from_code(folder: Path) -> dict[str, Any]:
    """A model that is a script."""
    return _code(folder, "", "model_input['x'] * 2.0")


def other_python(folder: Path) -> dict[str, Any]:
    """A script that asks for another Python than this one."""
    request = from_code(folder)
    file = folder / "python_env.yaml"
    file.write_text(re.sub(r"(?m)^python: .*", "python: 3.13.5", file.read_text()))
    return request


def code_paths(folder: Path) -> dict[str, Any]:
    """A script with a module of its own."""
    with tempfile.TemporaryDirectory() as made:
        module = Path(made) / "doubling_of_ours.py"
        module.write_text("def double(frame):\n    return frame['x'] * 2.0\n")
        sys.path.insert(0, made)
        imports = "from doubling_of_ours import double"
        return _code(folder, imports, "double(model_input)", code_paths=[str(module)])


class Scaled(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
    """Takes a parameter of inference."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002
        """The sum of each row, scaled."""
        return model_input.sum(axis=1) * float((params or {}).get("factor", 1))


def params(folder: Path) -> dict[str, Any]:
    """A parameter with a default."""
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    signature = infer_signature(frame, np.ones(2), params={"factor": 2.0})
    request = {**records(frame), "params": {"factor": 3.5}}
    return _pyfunc(folder, Scaled(), frame, request, signature=signature)


class Tensors(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
    """Takes an array, or arrays with names."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002
        """Twice as much of each."""
        if isinstance(model_input, dict):
            return {name: array * 2 for name, array in model_input.items()}
        return model_input * 2


def tensors(folder: Path) -> dict[str, Any]:
    """An array of three dimensions."""
    example = np.arange(12, dtype=np.float64).reshape(2, 3, 2)
    return _pyfunc(
        folder,
        Tensors(),
        example,
        {"inputs": example.tolist()},
        signature=infer_signature(example, example),
    )


def named_tensors(folder: Path) -> dict[str, Any]:
    """Two arrays, by their names."""
    example: dict[str, Any] = {
        "image": np.arange(8, dtype=np.float32).reshape(2, 2, 2),
        "mask": np.array([[1, 0], [0, 1]], dtype=np.int64),
    }
    request = {"inputs": {name: array.tolist() for name, array in example.items()}}
    signature = infer_signature(example, example)
    return _pyfunc(folder, Tensors(), example, request, signature=signature)


class Counted(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
    """Takes what is nested."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002
        """How much each row has."""
        rows = model_input.to_dict(orient="records")
        return [f"{len(row['tags'])} {sorted(row['who'])}" for row in rows]


def nested(folder: Path) -> dict[str, Any]:
    """A list and an object in a row."""
    rows = [
        {"tags": ["a", "b"], "who": {"name": "Ada", "height": 1.65}},
        {"tags": ["c"], "who": {"name": "Alan", "height": 1.8}},
    ]
    frame = pd.DataFrame(rows)
    signature = infer_signature(frame, ["text"])
    return _pyfunc(folder, Counted(), frame, {"dataframe_records": rows}, signature=signature)


class Vectors(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
    """A vector for each sentence."""

    def predict(self, context: Any, model_input: list[str]) -> list[list[float]]:  # noqa: ARG002
        """Of its length and its first letter."""
        return [[float(len(one)), float(ord(one[0]))] for one in model_input]


def vectors(folder: Path) -> dict[str, Any]:
    """Vectors of sentences."""
    return _pyfunc(folder, Vectors(), TEXTS[:3], {"inputs": TEXTS[:3]})


def chat(folder: Path) -> dict[str, Any]:
    """A chat model."""
    from mlflow.types.llm import ChatChoice, ChatCompletionResponse, ChatMessage

    class Chat(mlflow.pyfunc.ChatModel):  # type: ignore[misc,name-defined]
        def predict(self, context: Any, messages: Any, params: Any) -> Any:  # noqa: ARG002
            said = ChatMessage(role="assistant", content=f"{len(messages)} heard")
            return ChatCompletionResponse(
                choices=[ChatChoice(index=0, message=said)], created=1, id="1"
            )

    return _pyfunc(folder, Chat(), ASKED, ASKED)


def agent(folder: Path) -> dict[str, Any]:
    """An agent; its signature is MLflow's own."""
    from mlflow.types.responses import ResponsesAgentResponse

    class Agent(mlflow.pyfunc.ResponsesAgent):  # type: ignore[misc,name-defined]
        def predict(self, request: Any) -> ResponsesAgentResponse:
            said = self.create_text_output_item(text=f"{len(request.input)} heard", id="1")
            return ResponsesAgentResponse(output=[said], created_at=1)

    asked = {"input": ASKED["messages"]}
    return _pyfunc(folder, Agent(), asked, asked)


def _maker(name: str) -> Any:
    """The function that saves a flavour."""
    places = (sys.modules[__name__], tables, libraries)
    return next(getattr(place, name) for place in places if hasattr(place, name))


if __name__ == "__main__":
    answer = _maker(sys.argv[1])(Path(sys.argv[2]))
    sys.stdout.write(f"\n{json.dumps(answer)}\n")
