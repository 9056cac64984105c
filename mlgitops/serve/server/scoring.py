"""One request to `/invocations`, answered as MLflow answers it.

The work is done by MLflow's own `mlflow.pyfunc.scoring_server.invocations`. What differs is on
purpose and documented in docs/serving.md: a bare list of records is accepted, every error is JSON
with a 4xx where the request is at fault, and no answer holds a traceback.
"""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server

from .extent import extent
from .parsing import loads
from .table import Table

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

    from .settings import Settings

_RETRY_AFTER = b"1"  # seconds, for clients that got 503
_JSON = "application/json"
_log = logging.getLogger("serving")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered with."""

    status: int
    body: str
    kind: str = _JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


def failure(status: int, code: str, message: str) -> Reply:
    """An error in the form of MLflow's REST API; one that passes says when to ask again."""
    body = json.dumps({"error_code": code, "message": message})
    busy = status == HTTPStatus.SERVICE_UNAVAILABLE
    return Reply(status, body, headers=((b"retry-after", _RETRY_AFTER),) if busy else ())


class Scorer:
    """Scores requests with one model."""

    def __init__(self, model: PyFuncModel, settings: Settings) -> None:
        self._model = model
        self._schema = model.metadata.get_input_schema()
        own = len(self._schema.inputs) if self._schema else 0
        self._most = settings.max_cells, max(settings.max_columns, own)
        # a table's values are checked by name before they are passed on without names
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        self._table = Table.of(model, self._text_by_mlflow)

    def warm_up(self) -> None:
        """Predict once as requests do, so that the first one does not pay for what loads lazily.

        Raises:
            MlflowException: the model cannot predict its own input example.
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
        except MlflowException as error:
            return _refusal(error)
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
            if self._table is not None:
                text = self._table.predict(data)
                if text is not None:
                    return Reply(200, text)
        cells, most = self._most
        rows, columns = extent(data, content_type)
        if columns > most or rows * columns > cells:
            limits = f"at most {most} columns and {cells} cells"
            return failure(413, "BAD_REQUEST", f"the table is too large: {limits}")
        found = self._by_mlflow(data, content_type)
        if found.status != 200 and found.mimetype != _JSON:
            return failure(found.status, "INVALID_PARAMETER_VALUE", found.response)
        return Reply(found.status, found.response)

    def _by_mlflow(self, data: Any, content_type: str) -> Any:
        return scoring_server.invocations(data, content_type, self._model, self._schema)

    def _text_by_mlflow(self, data: Any) -> str | None:
        found = self._by_mlflow(data, _JSON)
        return found.response if found.status == HTTPStatus.OK else None


def _parsed(body: bytes) -> Any:
    """A JSON object for MLflow, parsed once; what is none is left to MLflow to refuse."""
    try:
        found = loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return body
    if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
        return {scoring_server.DF_RECORDS: found}
    return found if isinstance(found, dict) else body


def _refusal(error: MlflowException) -> Reply:
    document = json.loads(error.serialize_as_json())
    if trace := document.pop("stack_trace", None):
        _log.info("%s\n%s", error.message, trace)
    return Reply(error.get_http_status_code(), json.dumps(document))
