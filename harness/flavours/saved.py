"""Saves a model of a flavour into a folder, and prints a request that it answers.

    python saved.py NAME FOLDER

Plain MLflow code, of MLflow 2.9 to 3, with nothing of ours.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

TEXTS = ["calm and sunny", "storm from the west", "a light breeze", "gale warning", "fog"] * 4
ASKED = {"messages": [{"role": "user", "content": "How much wind will there be tomorrow?"}]}
_CODE = """
import mlflow
{imports}

class Doubled(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return {answer}

mlflow.models.set_model(Doubled())
"""


def _needs(*names: str) -> list[str]:
    """What is installed here of some packages, each at its version."""
    found = []
    for name in ("mlflow", "numpy", "pandas", *names):
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            sys.exit(f"{name} is not installed")
    return found


def _numbers(rows: int = 200, columns: int = 4) -> pd.DataFrame:
    values = np.random.default_rng(1).normal(size=(rows, columns))
    return pd.DataFrame(values, columns=[f"x{number}" for number in range(columns)])


def _records(frame: pd.DataFrame) -> dict[str, Any]:
    return {"dataframe_split": json.loads(frame.to_json(orient="split", index=False))}


def _sklearn(
    folder: Path, model: Any, frame: pd.DataFrame, target: Any, **more: Any
) -> dict[str, Any]:
    model.fit(frame, target)
    given = {
        "signature": infer_signature(frame, model.predict(frame)),
        "input_example": frame[:5],
        "pip_requirements": _needs("scikit-learn"),
        "serialization_format": "cloudpickle",
        **more,
    }
    mlflow.sklearn.save_model(model, folder, **given)
    return _records(frame[:3])


def _linear() -> Any:
    from sklearn.linear_model import LinearRegression

    return LinearRegression()


def sklearn_pickle(folder: Path) -> dict[str, Any]:
    """A linear model, pickled."""
    frame = _numbers()
    return _sklearn(folder, _linear(), frame, frame.sum(axis=1), serialization_format="pickle")


def sklearn_cloudpickle(folder: Path) -> dict[str, Any]:
    """A forest."""
    from sklearn.ensemble import RandomForestRegressor

    frame = _numbers()
    return _sklearn(folder, RandomForestRegressor(20, random_state=1), frame, frame.sum(axis=1))


def sklearn_skops(folder: Path) -> dict[str, Any]:
    """A linear model, saved without pickle."""
    frame = _numbers()
    kept = {"serialization_format": "skops", "pip_requirements": _needs("scikit-learn", "skops")}
    return _sklearn(folder, _linear(), frame, frame.sum(axis=1), **kept)


def text_labels(folder: Path) -> dict[str, Any]:
    """A classifier of doubles whose classes are words."""
    from sklearn.linear_model import LogisticRegression

    frame = _numbers()
    target = np.where(frame["x0"] > 0, "windy", "calm")
    return _sklearn(folder, LogisticRegression(), frame, target)


def boolean_labels(folder: Path) -> dict[str, Any]:
    """A classifier of doubles whose classes are true and false."""
    from sklearn.linear_model import LogisticRegression

    frame = _numbers()
    return _sklearn(folder, LogisticRegression(), frame, frame["x0"] > 0)


def several_outputs(folder: Path) -> dict[str, Any]:
    """A regression of two numbers."""
    frame = _numbers()
    return _sklearn(folder, _linear(), frame, frame[["x0", "x1"]].to_numpy() * 2)


def _mixed() -> pd.DataFrame:
    frame = _numbers()
    frame.loc[::7, "x1"] = np.nan
    frame["place"] = ["north", "south", None, "west"] * 50
    return frame


def column_transformer(folder: Path) -> dict[str, Any]:
    """Text and missing values."""
    return _transformed(folder, _mixed())


def _transformed(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    model = make_pipeline(
        make_column_transformer(
            (SimpleImputer(), ["x0", "x1", "x2", "x3"]),
            (OneHotEncoder(handle_unknown="ignore"), ["place"]),
        ),
        _linear(),
    )
    return _sklearn(folder, model, frame, frame["x0"] * 2)


def _pyfunc(folder: Path, model: Any, example: Any, request: Any, **more: Any) -> dict[str, Any]:
    given = {"pip_requirements": _needs(), "input_example": example, **more}
    mlflow.pyfunc.save_model(folder, python_model=model, **given)
    return dict(request)


class Described(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
    """Tells what it was given."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002
        """The types of the columns and how many values each has, for every row."""
        said = [f"{name} {kind}" for name, kind in model_input.dtypes.items()]
        return [f"{', '.join(said)}: {row.count()}" for _, row in model_input.iterrows()]


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
        folder, Described(), frame, _records(frame), signature=infer_signature(frame, ["text"])
    )


def datetimes(folder: Path) -> dict[str, Any]:
    """A column of times."""
    day = dt.datetime(2026, 1, 31, 12)  # noqa: DTZ001 - MLflow has times without a zone
    frame = pd.DataFrame({"at": [day, day + dt.timedelta(hours=1)], "wind": [3.5, 4.5]})
    request = {
        "dataframe_records": [{"at": moment.isoformat(), "wind": 3.5} for moment in frame["at"]]
    }
    return _pyfunc(folder, Described(), frame, request, signature=infer_signature(frame, ["text"]))


def lightgbm(folder: Path) -> dict[str, Any]:
    """Trees, by their own flavour."""
    from lightgbm import LGBMRegressor

    frame = _numbers()
    model = LGBMRegressor(n_estimators=10, verbose=-1).fit(frame, frame.sum(axis=1))
    mlflow.lightgbm.save_model(
        model,
        folder,
        signature=infer_signature(frame, model.predict(frame)),
        input_example=frame[:5],
        pip_requirements=_needs("lightgbm", "scikit-learn", "skops"),
    )
    return _records(frame[:3])


def xgboost(folder: Path) -> dict[str, Any]:
    """Trees, by their own flavour."""
    from xgboost import XGBClassifier

    frame = _numbers()
    model = XGBClassifier(n_estimators=10, max_depth=2).fit(frame, (frame["x0"] > 0).astype(int))
    mlflow.xgboost.save_model(
        model,
        folder,
        signature=infer_signature(frame, model.predict(frame)),
        input_example=frame[:5],
        pip_requirements=_needs("xgboost-cpu", "scikit-learn"),
    )
    return _records(frame[:3])


def onnx(folder: Path) -> dict[str, Any]:
    """A network in ONNX, with tensors."""
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, 4]) for n in ("x", "y")]
    factor = helper.make_tensor("factor", TensorProto.FLOAT, [1], [2.0])
    node = helper.make_node("Mul", ["x", "factor"], ["y"])
    graph = helper.make_graph([node], "graph", value[:1], value[1:], [factor])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    example = np.ones((2, 4), dtype=np.float32)
    mlflow.onnx.save_model(
        model,
        folder,
        signature=infer_signature(example, example),
        input_example=example,
        pip_requirements=_needs("onnx", "onnxruntime"),
    )
    return {"inputs": example.tolist()}


def statsmodels(folder: Path) -> dict[str, Any]:
    """A forecast: which steps, from the start to the end."""
    from statsmodels.tsa.arima.model import ARIMA

    series = np.cumsum(np.random.default_rng(1).normal(size=120)) + 50
    example = pd.DataFrame({"start": [120], "end": [124]})
    model = ARIMA(series, order=(1, 1, 0)).fit()
    mlflow.statsmodels.save_model(
        model,
        folder,
        signature=infer_signature(example, model.predict(120, 124)),
        input_example=example,
        pip_requirements=_needs("statsmodels"),
    )
    return _records(example)


def _code(folder: Path, imports: str, answer: str, **more: Any) -> dict[str, Any]:
    frame = pd.DataFrame({"x": [1.0, 2.5]})
    with tempfile.TemporaryDirectory() as made:
        script = Path(made) / "model.py"
        script.write_text(_CODE.format(imports=imports, answer=answer))
        signature = infer_signature(frame, np.ones(2))
        return _pyfunc(folder, str(script), frame, _records(frame), signature=signature, **more)


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
    request = {**_records(frame), "params": {"factor": 3.5}}
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


def texts(folder: Path) -> dict[str, Any]:
    """A pipeline that takes a column of text."""
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = ["strong" if re.search("storm|gale", one) else "weak" for one in TEXTS]
    model = make_pipeline(
        make_column_transformer((TfidfVectorizer(), "text")), LogisticRegression()
    )
    return _sklearn(folder, model, pd.DataFrame({"text": TEXTS}), words)


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


def unsigned(folder: Path) -> dict[str, Any]:
    """An input example alone."""
    frame = _numbers()
    return _sklearn(folder, _linear(), frame, frame.sum(axis=1), signature=False)


def no_example(folder: Path) -> dict[str, Any]:
    """A signature alone."""
    frame = _numbers()
    return _sklearn(folder, _linear(), frame, frame.sum(axis=1), input_example=None)


def numpy_1(folder: Path) -> dict[str, Any]:
    """What was trained before numpy 2."""
    return sklearn_cloudpickle(folder)


def pandas_1(folder: Path) -> dict[str, Any]:
    """What was trained before pandas 2."""
    return text_labels(folder)


def mlflow_2_9(folder: Path) -> dict[str, Any]:
    """What MLflow 2.9 wrote."""
    return _transformed(folder, _mixed().fillna({"place": "east"}))


if __name__ == "__main__":
    answer = globals()[sys.argv[1]](Path(sys.argv[2]))
    sys.stdout.write(f"\n{json.dumps(answer)}\n")
