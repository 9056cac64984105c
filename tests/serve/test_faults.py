"""Whose fault it is that there is no prediction: the model's is a 500, the caller's is a 4xx."""

from __future__ import annotations

import asyncio
import importlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from mlgitops.serve.server import scoring
from mlgitops.serve.server.app import Serving
from mlgitops.serve.server.settings import Settings
from mlgitops.serve.server.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("server")

_CODE = """
import sys
import numpy as np
from mlflow.exceptions import MlflowException

class Picky:
    def predict(self, rows):
        rows = np.asarray(rows, dtype=float)
        kind = int(rows[0, 0])
        if kind == 1:
            raise ValueError("a secret of the data")
        if kind == 2:
            return {}["nothing"]
        if kind == 3:
            sys.exit(3)
        if kind == 4:
            raise MlflowException.invalid_parameter_value("x must not be 4")
        if kind == 5:
            raise MlflowException("no connection")
        if kind == 6:
            return np.asarray([[1.0], [2.0, 3.0]], dtype=float)
        return rows.sum(axis=1)
"""
_SCHEMA = {"x": [1.0], "y": [2.0]}


class Loaded:
    """A model that the server has loaded, in this process."""

    def __init__(self, model: Path) -> None:
        from mlflow.pyfunc import load_model

        self.unanswered = model.parent / "unanswered"
        settings = Settings(model=model, name="wind", version="7", unanswered=self.unanswered)
        self.scorer = scoring.Scorer(load_model(str(model)), settings)
        self.app = Serving(self.scorer, settings, Watch(1)).app

    def post(self, *rows: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and the answer to some records."""
        body = json.dumps({"dataframe_records": rows}).encode()
        status, _, found = self.ask("POST", "/invocations", body)
        return status, json.loads(found)

    def metric(self, name: str) -> float:
        """A count of `/metrics`."""
        lines = self.ask("GET", "/metrics")[2].decode().splitlines()
        (line,) = (one for one in lines if one.startswith(f'{name}{{model="wind",version="7"}}'))
        return float(line.split()[-1])

    def ask(
        self, method: str, path: str, body: bytes = b""
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        """Status, headers and body of an answer."""
        sent: list[dict[str, Any]] = []
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        start, *parts = sent
        return start["status"], dict(start["headers"]), b"".join(one["body"] for one in parts)


@pytest.fixture(scope="module")
def save(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Loaded]:
    """Save a model and load it as the server does."""

    def saved(model: Any, frame: pd.DataFrame | None = None, **options: Any) -> Loaded:
        import mlflow
        from mlflow.models import infer_signature

        folder = tmp_path_factory.mktemp("model") / "model"
        mlflow.sklearn.save_model(
            model,
            folder,
            serialization_format="cloudpickle",
            signature=infer_signature(pd.DataFrame(_SCHEMA) if frame is None else frame),
            pip_requirements=["mlflow"],
            **options,
        )
        return Loaded(folder)

    return saved


@pytest.fixture(scope="module")
def picky(save: Callable[..., Loaded], tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """A model with code of its own, which raises what its first value says."""
    folder = tmp_path_factory.mktemp("code")
    (folder / "picky.py").write_text(_CODE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        made = importlib.import_module("picky").Picky()
        return save(made, code_paths=[str(folder / "picky.py")])


@pytest.fixture(scope="module")
def linear(save: Callable[..., Loaded]) -> Loaded:
    """A linear model of scikit-learn, which refuses missing values."""
    from sklearn.linear_model import LinearRegression

    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [2.0, 5.0]})
    return save(LinearRegression().fit(frame, np.array([1.0, 2.0])))


@pytest.mark.parametrize("short", [True, False])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (1, "ValueError"),
        (2, "KeyError"),
        (3, "SystemExit"),
        (5, "MlflowException"),
        (6, "ValueError"),
    ],
)
def test_what_the_models_code_raises_is_its_failure(
    picky: Loaded, kind: int, name: str, *, short: bool
) -> None:
    """500 with a code of its own, whichever way the request takes; its words are in no answer."""
    before = picky.metric("serving_model_failures_total")
    row = {"x": float(kind), "y": 1.0} | ({} if short else {"extra": 1})
    status, answer = picky.post(row)
    assert status == 500
    assert answer == {
        "error_code": "MODEL_FAILED",
        "message": f"the model raised {name}; the server's log tells why",
    }
    assert picky.metric("serving_model_failures_total") == before + 1
    assert picky.post({"x": 0.0, "y": 1.0})[0] == 200


def test_the_log_tells_why_a_model_failed(picky: Loaded, caplog: pytest.LogCaptureFixture) -> None:
    """With the lines of the model's code and its message."""
    picky.post({"x": 1.0, "y": 1.0})
    assert "picky.py" in caplog.text
    assert "ValueError: a secret of the data" in caplog.text


@pytest.mark.parametrize(
    "row",
    [{"x": 1.0}, {"x": "text", "y": 1.0}, {"x": [1.0], "y": 1.0}, {"x": 4.0, "y": 1.0}],
    ids=["missing column", "text", "list", "the model says so"],
)
def test_what_the_caller_did_wrong_stays_4xx(picky: Loaded, row: dict[str, Any]) -> None:
    """A missing column, a type that cannot be converted, an MlflowException with such a code."""
    names = ("serving_model_failures_total", "serving_model_refusals_total")
    before = [picky.metric(name) for name in names]
    shutil.rmtree(picky.unanswered, ignore_errors=True)
    assert picky.post(row)[0] == 400
    assert [picky.metric(name) for name in names] == before
    assert not picky.unanswered.exists()


def test_values_that_a_library_refuses_stay_4xx_but_are_counted(
    linear: Loaded,
) -> None:
    """scikit-learn's check for missing values: MLflow's 400, in its words; no failure."""
    status, answer = linear.post({"x": None, "y": 1.0})
    assert (status, answer["error_code"]) == (400, "BAD_REQUEST")
    assert answer["message"].startswith("Encountered an unexpected error while evaluating")
    assert linear.metric("serving_model_refusals_total") == 1
    assert linear.metric("serving_model_failures_total") == 0
    assert len(list(linear.unanswered.iterdir())) == 1


def test_a_library_that_the_models_own_code_calls_refuses_nobody(
    save: Callable[..., Loaded],
) -> None:
    """A step of the model's own makes a missing value of a good one: that is its failure."""
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [2.0, 5.0]})
    fitted = LinearRegression().fit(frame.to_numpy(), np.array([1.0, 2.0]))

    class Own:
        def predict(self, rows: Any) -> Any:
            with np.errstate(invalid="ignore"):
                return fitted.predict(np.log(np.asarray(rows) - 1.5))

    made = save(Own())
    assert made.post({"x": 1.0, "y": 2.0})[0] == 500
    assert made.post({"x": 2.0, "y": 2.0})[0] == 200

    def no_threes(rows: pd.DataFrame) -> pd.DataFrame:
        if (rows["x"] == 3.0).any():
            raise ValueError("3")
        return rows

    step = FunctionTransformer(no_threes)
    piped = save(make_pipeline(step, LinearRegression()).fit(frame, np.array([1.0, 2.0])))
    assert piped.post({"x": 3.0, "y": 2.0})[1]["error_code"] == "MODEL_FAILED"


def test_a_model_that_fails_on_its_own_example_still_serves(
    save: Callable[..., Loaded], caplog: pytest.LogCaptureFixture
) -> None:
    """Its log says so; what it answers beside that is for its smoke test to find out."""

    class Own:
        def predict(self, rows: pd.DataFrame) -> Any:
            if (rows["x"] == 3.0).any():
                raise ValueError("no threes")
            return np.zeros(len(rows))

    made = save(Own(), input_example=pd.DataFrame({"x": [3.0], "y": [2.0]}))
    made.scorer.warm_up()
    assert "did not predict its own input example: ValueError: no threes" in caplog.text
    assert made.post({"x": 1.0, "y": 2.0})[0] == 200


def test_what_is_kept_is_little(picky: Loaded) -> None:
    """At most 16 requests, none of more than 64 KiB, as they came; only their owner may read."""
    shutil.rmtree(picky.unanswered, ignore_errors=True)
    for _ in range(40):
        picky.post({"x": 1.0, "y": 1.0})
    picky.post(*[{"x": 1.0, "y": 1.0}] * 5000)
    files = list(picky.unanswered.iterdir())
    assert 1 < len(files) <= 16
    body = b'{"dataframe_records": [{"x": 1.0, "y": 1.0}]}'
    assert {file.read_bytes() for file in files} == {b"application/json\n" + body}
    assert picky.unanswered.stat().st_mode & 0o777 == 0o700
