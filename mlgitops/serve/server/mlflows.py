"""How the MLflow of the model scores requests: its scoring server has changed since MLflow 2.0.

MLflow 2.21 and later have `scoring_server.invocations` with everything that this server asks of it.
Earlier versions answer from inside a Flask application, 2.0 to 2.5 entirely; that application is
asked here as its own tests ask it, without a socket.
"""

from __future__ import annotations

import json
import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from mlflow.pyfunc import scoring_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow.pyfunc import PyFuncModel

_JSON, _TEXT = "application/json", "text/plain"
_log = logging.getLogger("serving")


class Scored(NamedTuple):
    """MLflow's answer; what is not JSON is plain text."""

    response: str
    status: int
    mimetype: str


def invocations(model: PyFuncModel) -> Callable[[Any, str], Scored]:
    """The scoring of a model: the answer to a body (bytes, or a parsed JSON object) and its type.

    It raises what MLflow and the model raise; MLflow before 2.21 answers with its own errors.
    """
    if hasattr(scoring_server, "catch_mlflow_exception"):  # of Flask's time
        return _of_flask(model)
    schema = model.metadata.get_input_schema()

    def score(data: Any, content_type: str) -> Scored:
        try:
            return Scored(*scoring_server.invocations(data, content_type, model, schema))
        except UnicodeDecodeError as error:  # before MLflow 3
            return _no_text(error)

    return score


def reads_parquet() -> bool:
    """Whether MLflow reads Parquet, as 3.10 and later do, and has what that takes."""
    return hasattr(scoring_server, "CONTENT_TYPE_PARQUET") and find_spec("pyarrow") is not None


def _of_flask(model: PyFuncModel) -> Callable[[Any, str], Scored]:
    application: Any = scoring_server.init(model)
    application.config["PROPAGATE_EXCEPTIONS"] = True  # else they become pages of HTML

    def score(data: Any, content_type: str) -> Scored:
        try:
            body = json.dumps(data) if isinstance(data, dict) else data.decode()
        except UnicodeDecodeError as error:
            return _no_text(error)
        client = application.test_client()
        answer = client.post("/invocations", data=body, content_type=content_type)
        found = Scored(answer.get_data(as_text=True), answer.status_code, answer.mimetype)
        return _refusal(found) if found.status != 200 and found.mimetype == _JSON else found

    return score


def _no_text(error: UnicodeDecodeError) -> Scored:
    return Scored(f"the request is not UTF-8: {error}", 400, _TEXT)


def _refusal(found: Scored) -> Scored:
    """MLflow's error without its traceback; a table unlike the signature was 500 in its time."""
    error = json.loads(found.response)
    if trace := error.pop("stack_trace", None):
        _log.info("%s\n%s", error.get("message"), trace)
    if found.status != 500:
        return Scored(json.dumps(error), found.status, _JSON)
    return Scored(json.dumps({**error, "error_code": "BAD_REQUEST"}), 400, _JSON)
