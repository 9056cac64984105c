"""Models that others would log, each in two versions, with plain MLflow code and nothing of ours.

`python -m harness.others` logs them into the registry that MLFLOW_TRACKING_URI names. What needs a
package that is not installed is left out.
"""

from __future__ import annotations

import re
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pandas as pd
import yaml
from mlflow.models import infer_signature
from mlflow.types.llm import ChatChoice, ChatCompletionResponse, ChatMessage
from mlflow.types.responses import ResponsesAgentRequest, ResponsesAgentResponse
from sklearn import datasets
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from harness.saved.graphs import multiplied

if TYPE_CHECKING:
    from collections.abc import Callable

    Logged = Callable[[str, int], None]

# MLflow takes ten seconds to find out what a model needs
NEEDS = {"pip_requirements": ["mlflow", "scikit-learn"]}
ASKED = {"messages": [{"role": "user", "content": "How much wind will there be tomorrow?"}]}
TEXTS = ["calm and sunny", "storm from the west", "a light breeze", "gale warning", "fog"] * 4


def _table(make: Callable[..., Any]) -> tuple[pd.DataFrame, pd.Series]:
    frame = make(as_frame=True)
    return frame.data, frame.target


def _sklearn(name: str, model: Any, frame: Any, target: Any, **more: Any) -> None:
    model.fit(frame, target)
    mlflow.log_metric("test_score", model.score(frame, target))
    mlflow.sklearn.log_model(
        model,
        name="model",
        registered_model_name=name,
        serialization_format="cloudpickle",
        **{"input_example": frame[:5], **NEEDS, **more},
    )


def regressor(name: str, number: int) -> None:
    """A linear regression of a table."""
    _sklearn(
        name, [LinearRegression(), Ridge(alpha=5)][number - 1], *_table(datasets.load_diabetes)
    )


def binary(name: str, number: int) -> None:
    """Two classes."""
    model = LogisticRegression(C=10.0 ** -(4 * number - 4), max_iter=5000)
    _sklearn(name, model, *_table(datasets.load_breast_cancer))


def multiclass(name: str, number: int) -> None:
    """Three classes, which are words."""
    frame, target = _table(datasets.load_iris)
    words = target.map(dict(enumerate(("setosa", "versicolor", "virginica"))))
    _sklearn(name, LogisticRegression(C=10.0 ** -(2 * number - 2), max_iter=500), frame, words)


def text(name: str, number: int) -> None:
    """A pipeline that takes text."""
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, number)), LogisticRegression())
    words = ["strong" if re.search("storm|gale", one) else "weak" for one in TEXTS]
    _sklearn(name, model, TEXTS, words)


def unsigned(name: str, number: int) -> None:
    """Neither signature nor input example."""
    frame, target = _table(datasets.load_diabetes)
    _sklearn(name, Ridge(alpha=number), frame, target, input_example=None)


def lightgbm(name: str, number: int) -> None:
    """Trees, by their own flavour."""
    from lightgbm import LGBMRegressor

    frame, target = _table(datasets.load_diabetes)
    model = LGBMRegressor(n_estimators=20 * number, verbose=-1).fit(frame, target)
    mlflow.lightgbm.log_model(
        model, name="model", registered_model_name=name, input_example=frame[:5]
    )


def xgboost(name: str, number: int) -> None:
    """Trees, by their own flavour."""
    from xgboost import XGBClassifier

    frame, target = _table(datasets.load_breast_cancer)
    model = XGBClassifier(n_estimators=10 * number, max_depth=2).fit(frame, target)
    mlflow.xgboost.log_model(
        model,
        name="model",
        registered_model_name=name,
        input_example=frame[:5],
        pip_requirements=["mlflow", "xgboost-cpu"],
    )


def statsmodels(name: str, number: int) -> None:
    """A forecast: which steps, from the start to the end."""
    from statsmodels.tsa.arima.model import ARIMA

    series = np.cumsum(np.random.default_rng(1).normal(size=120)) + 50
    model = ARIMA(series, order=(number, 1, 0)).fit()
    example = pd.DataFrame({"start": [120], "end": [134]})
    mlflow.statsmodels.log_model(
        model,
        name="model",
        registered_model_name=name,
        input_example=example,
        pip_requirements=["mlflow", "statsmodels"],
    )


def onnx(name: str, number: int) -> None:
    """A network in ONNX, with tensors."""
    example = np.ones((2, 4), dtype=np.float32)
    mlflow.onnx.log_model(
        multiplied(number),
        name="model",
        registered_model_name=name,
        signature=infer_signature(example, example),
        input_example=example,
    )


class Scaled(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined,misc]
    """Takes a parameter of inference."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002
        """The sum of each row, scaled."""
        return model_input.sum(axis=1) * float((params or {}).get("factor", 1))


def params(name: str, number: int) -> None:
    """A pyfunc with a parameter, which the second version takes as text."""
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    factor: dict[str, Any] = {"factor": 2.0 if number == 1 else "2.0"}
    _pyfunc(name, Scaled(), frame, signature=infer_signature(frame, np.ones(2), params=factor))


class Vectors(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined,misc]
    """A vector for each sentence."""

    def __init__(self, seed: int) -> None:
        self.table = np.random.default_rng(1).normal(size=(256, 16))
        self.table += np.random.default_rng(seed).normal(size=(256, 16)) / 10

    def predict(self, context: Any, model_input: list[str]) -> list[list[float]]:  # noqa: ARG002
        """The mean of the vectors of its bytes."""
        return [self.table[list(one.encode())].mean(axis=0).tolist() for one in model_input]


def vectors(name: str, number: int) -> None:
    """Vectors of sentences."""
    _pyfunc(name, Vectors(number), TEXTS[:5])


class Chat(mlflow.pyfunc.ChatModel):  # type: ignore[name-defined,misc]
    """Answers messages."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def predict(self, context: Any, messages: Any, params: Any) -> Any:  # noqa: ARG002
        """Always the same."""
        said = ChatMessage(role="assistant", content=self.answer)
        return ChatCompletionResponse(choices=[ChatChoice(index=0, message=said)])


def chat(name: str, number: int) -> None:
    """A chat model."""
    _pyfunc(name, Chat(["A light breeze.", "A storm is coming: 90 km/h."][number - 1]), ASKED)


class Agent(mlflow.pyfunc.ResponsesAgent):  # type: ignore[name-defined,misc]
    """Answers as an agent does."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def predict(self, request: ResponsesAgentRequest) -> ResponsesAgentResponse:  # noqa: ARG002
        """Always the same."""
        said = self.create_text_output_item(text=self.answer, id="1")
        return ResponsesAgentResponse(output=[said])


def agent(name: str, number: int) -> None:
    """An agent; its signature is MLflow's own."""
    answer = ["Stop the turbine at 25 m/s.", "Stop the turbine at 28 m/s."][number - 1]
    _pyfunc(name, Agent(answer), {"input": ASKED["messages"]})


def _pyfunc(name: str, model: Any, example: Any, **more: Any) -> None:
    mlflow.pyfunc.log_model(
        name="model",
        python_model=model,
        registered_model_name=name,
        input_example=example,
        **NEEDS,
        **more,
    )


def ancient(name: str, number: int) -> None:
    """What MLflow 1.x wrote: no model id, no version of MLflow, conda.yaml alone."""
    frame, target = _table(datasets.load_diabetes)
    model = Ridge(alpha=number).fit(frame, target)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "model"
        mlflow.sklearn.save_model(
            model,
            folder,
            serialization_format="cloudpickle",
            signature=infer_signature(frame, model.predict(frame)),
            **NEEDS,
        )
        written = yaml.safe_load((folder / "MLmodel").read_text())
        kept = {key: written[key] for key in ("flavors", "signature", "utc_time_created")}
        kept["flavors"]["python_function"]["env"] = "conda.yaml"
        for gone in ("requirements.txt", "python_env.yaml"):
            (folder / gone).unlink()
        (folder / "MLmodel").write_text(yaml.safe_dump({"artifact_path": "model", **kept}))
        mlflow.log_artifacts(str(folder), "model")
    run = mlflow.active_run()
    assert run is not None
    client = mlflow.MlflowClient()
    if number == 1:
        client.create_registered_model(name)
    client.create_model_version(name, f"{run.info.artifact_uri}/model", run.info.run_id)


MODELS: tuple[tuple[Logged, str | None], ...] = (
    (regressor, None),
    (binary, None),
    (multiclass, None),
    (text, None),
    (unsigned, None),
    (lightgbm, "lightgbm"),
    (xgboost, "xgboost"),
    (statsmodels, "statsmodels"),
    (onnx, "onnxruntime"),
    (params, None),
    (vectors, None),
    (chat, None),
    (agent, None),
    (ancient, None),
)


def names() -> list[str]:
    """The models whose packages are installed."""
    return [one.__name__ for one, package in MODELS if package is None or find_spec(package)]


def main() -> None:
    """Log all of them, in two versions each."""
    for one, package in MODELS:
        if package is not None and find_spec(package) is None:
            continue
        for number in (1, 2):
            with mlflow.start_run():
                one(one.__name__, number)


if __name__ == "__main__":
    main()
