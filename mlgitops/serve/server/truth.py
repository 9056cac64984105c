"""What a model itself answers: its `predict`, called in a process of its own, beside any server.

    python truth.py FOLDER SECONDS    requests as JSON on standard input, answers on standard output

It runs where the model's packages are, in its image or in an environment of its own, on any Python
and with any MLflow that these have. So nothing but Python's own library and MLflow is imported, and
nothing of the server: not even an image that was built without this file is a reason to fail.
"""

from __future__ import annotations

import base64
import io
import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROWS = 1_000
_PARQUET = "application/vnd.apache.parquet"


def answers(folder: str, asked: list[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """What the model says, as `mlgitops.serve.truth` reads it: of itself, then to each request.

    Args:
        folder: a model of MLflow's.
        asked: bodies in Base64, each with its content type.
    """
    os.environ["_MLFLOW_IS_IN_SERVING_ENVIRONMENT"] = "true"  # as its server has it
    import mlflow
    from mlflow.pyfunc import load_model

    with suppress(ImportError, AttributeError):  # agents log traces: here to nowhere
        from mlflow import tracing

        tracing.disable()
    model = load_model(folder, suppress_warnings=True)
    yield {"mlflow": mlflow.__version__, "example": _example(model, folder)}
    for body, content_type in asked:
        data = base64.b64decode(body)
        first = _answer(model, data, content_type)
        # an identifier or a time in an answer is another one each time: the second shows where
        second = _answer(model, data, content_type) if first["status"] == 200 else first
        yield {**first, "again": second.get("answer")}


def head(example: Any) -> Any:
    """The first rows of an example that is a table or an array; others as they are."""
    shape = getattr(example, "shape", None)
    return example[:_ROWS] if shape and shape[0] > _ROWS else example


def _example(model: Any, folder: str) -> Any:
    """The answer to the example that the model was logged with; None where there is none."""
    with suppress(Exception):  # then the answers to requests say why
        inputs = head(model.metadata.load_input_example(folder))
        if inputs is not None:
            params = _params(model, folder)
            found = model.predict(inputs, params=params) if params else model.predict(inputs)
            return _written(found)
    return None


def _params(model: Any, folder: str) -> Any:
    with suppress(AttributeError):  # MLflow had none before 2.7
        return model.metadata.load_input_example_params(folder)
    return None


def _written(predicted: Any) -> Any:
    """Predictions, as MLflow's server writes them."""
    from mlflow.pyfunc.scoring_server import predictions_to_json

    out = io.StringIO()
    predictions_to_json(predicted, out)
    return json.loads(out.getvalue())["predictions"]


def _answer(model: Any, body: bytes, content_type: str) -> dict[str, Any]:
    """The answer to what MLflow reads from a request, or why there is none."""
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc import scoring_server

    schema = model.metadata.get_input_schema()
    # MLflow 2 takes no bytes for texts
    data: Any = body if content_type == _PARQUET else body.decode("utf-8", "replace")
    by_model = False
    try:
        found = scoring_server.invocations(data, content_type, model, schema)
        if found.status == 200:
            return {"status": 200, "answer": json.loads(found.response)}
        said, status = str(found.response), found.status
    except MlflowException as error:
        said, status = error.message, error.get_http_status_code()
        by_model = "error while evaluating the model" in said
        said = _raised(error.json_kwargs.get("stack_trace") or "") if by_model else said
    except Exception as error:  # noqa: BLE001 - whatever MLflow or a model raises
        said, status = f"{type(error).__name__}: {error}", 500
    return {"status": status, "why": said[:1000], "by_model": by_model}


def _raised(trace: str) -> str:
    """What a traceback, which is all that MLflow keeps of it, says of the exception."""
    lines = trace.splitlines()
    while any(line.startswith("  File ") for line in lines):
        del lines[0]
    while lines and lines[0].startswith(" "):  # the source of that line, and marks below it
        del lines[0]
    return " ".join(" ".join(lines).split())


def main() -> None:
    """Answer what is asked on standard input; the model's own words go to standard error."""
    import faulthandler

    folder, seconds = sys.argv[1:]
    faulthandler.dump_traceback_later(float(seconds), exit=True)
    said = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        for one in answers(folder, json.load(sys.stdin)):
            said.write(json.dumps(one) + "\n")
    except Exception as error:  # noqa: BLE001 - somebody else's code may raise anything
        said.write(json.dumps({"error": f"{type(error).__name__}: {error}"[:1000]}) + "\n")
    said.flush()
    faulthandler.cancel_dump_traceback_later()
    os._exit(0)  # whatever threads a model has left


if __name__ == "__main__":
    main()
