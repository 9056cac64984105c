"""One request to `/invocations`, answered as MLflow answers it.

The work is done by MLflow's own `mlflow.pyfunc.scoring_server.invocations`. What differs is on
purpose and documented in docs/serving.md: a bare list of records is accepted, every error is JSON
with a 4xx where the request is at fault and a 500 where the model is, and no answer holds a
traceback.
"""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server

from .extent import extent
from .faults import Fault, ModelFailedError, ModelRefusedError, told
from .kept import keep
from .table import Table

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

    from .settings import Settings

RETRY_AFTER = "1"  # seconds, for clients that got 503
_JSON = "application/json"
_log = logging.getLogger("serving")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered with; `fault` is why the model gave no prediction."""

    status: int
    body: str
    fault: Fault | None = None


def failure(status: int, code: str, message: str) -> Reply:
    """An error in the form of MLflow's REST API."""
    return Reply(status, json.dumps({"error_code": code, "message": message}))


class Scorer:
    """Scores requests with one model."""

    def __init__(self, model: PyFuncModel, settings: Settings) -> None:
        self._model = model
        self._schema = model.metadata.get_input_schema()
        own = len(self._schema.inputs) if self._schema else 0
        self._most = settings.max_cells, max(settings.max_columns, own)
        self._unanswered = settings.unanswered
        # a table's values are checked by name before they are passed on without names
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        self._table = Table.of(model)
        self._short = told(self._table.predict) if self._table else None
        model._predict_fn = told(model._predict_fn)  # noqa: SLF001 - after MLflow's own checks

    def warm_up(self) -> None:
        """Predict once as requests do, so that the first one does not pay for what loads lazily.

        Raises:
            ModelFailedError, ModelRefusedError, MlflowException: the model cannot predict its own
                input example.
        """
        example = self._model.input_example
        if example is not None:
            self._model.predict(example)

    def is_quick(self, body: bytes) -> bool:
        """Whether a request is so small that handing it to a thread costs more than answering."""
        return self._table is not None and len(body) <= self._table.quick_bytes

    def answer(self, body: bytes, content_type: str | None) -> Reply:
        """Score a request; whatever it is, the answer is JSON."""
        if content_type is None:
            return failure(415, "INVALID_PARAMETER_VALUE", f"no Content-Type: {_JSON}")
        try:
            return self._scored(body, content_type)
        except ModelFailedError as error:
            keep(self._unanswered, body, content_type)
            return _failed(error)
        except MlflowException as error:
            if not isinstance(error.__context__, ModelRefusedError):
                return _refusal(error)
            keep(self._unanswered, body, content_type)
            return replace(_refusal(error), fault=Fault.REFUSED)
        except RecursionError:
            return failure(400, "BAD_REQUEST", "the request is nested too deeply")
        except Exception:  # noqa: BLE001 - whatever a model raises, the answer is JSON
            _log.exception("a request could not be answered")
            return failure(500, "INTERNAL_ERROR", "the server failed; its log tells why")

    def _scored(self, body: bytes, content_type: str) -> Reply:
        data: Any = body
        if content_type == _JSON:
            try:
                data = _parsed(body)
            except ValueError as error:  # JSON, with a number of thousands of digits
                return failure(400, "BAD_REQUEST", str(error))
            text = self._shortly(data)
            if text is not None:
                return Reply(200, text)
        cells, most = self._most
        rows, columns = extent(data, content_type)
        if columns > most or rows * columns > cells:
            limits = f"at most {most} columns and {cells} cells"
            return failure(413, "BAD_REQUEST", f"the table is too large: {limits}")
        found = scoring_server.invocations(data, content_type, self._model, self._schema)
        if found.status != 200 and found.mimetype != _JSON:
            return failure(found.status, "INVALID_PARAMETER_VALUE", found.response)
        return Reply(found.status, found.response)

    def _shortly(self, data: Any) -> str | None:
        if self._short is None:
            return None
        try:
            found: str | None = self._short(data)
        except ModelRefusedError:  # MLflow's way has the words for it
            return None
        return found


def _parsed(body: bytes) -> Any:
    """A JSON object for MLflow, parsed once; what is none is left to MLflow to refuse."""
    try:
        found = json.loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return body
    if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
        return {scoring_server.DF_RECORDS: found}
    return found if isinstance(found, dict) else body


def _failed(error: ModelFailedError) -> Reply:
    cause = error.__cause__
    _log.error("the model failed", exc_info=cause)
    said = f"the model raised {type(cause).__name__}; the server's log tells why"
    return Reply(500, json.dumps({"error_code": "MODEL_FAILED", "message": said}), Fault.FAILED)


def _refusal(error: MlflowException) -> Reply:
    document = json.loads(error.serialize_as_json())
    if trace := document.pop("stack_trace", None):
        _log.info("%s\n%s", error.message, trace)
    return Reply(error.get_http_status_code(), json.dumps(document))
