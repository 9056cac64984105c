"""One request to `/invocations`, answered as MLflow answers it.

The work is done by MLflow's own scoring server: see mlflows.py. What differs is on purpose and
documented in docs/serving.md: a bare list of records is accepted, every error is JSON
with a 4xx where the request is at fault and a 500 where the model is, and no answer holds a
traceback.
"""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server

from .estimators import lean
from .extent import PARQUET, extent
from .faults import Fault, ModelFailedError, ModelRefusedError, told
from .frames import Frames, answer
from .kept import keep
from .mlflows import Scored, invocations, reads_parquet
from .parsing import loads
from .table import Table

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.pyfunc import PyFuncModel

    from .settings import Settings

_RETRY_AFTER = b"1"  # seconds, for clients that got 503
_JSON = "application/json"
_LARGE = 2**16  # bytes
_NO_PARQUET = "the model's packages leave this image without a reader of Parquet"
_log = logging.getLogger("serving")


@dataclass(frozen=True)
class Reply:
    """What a request is answered with; `fault` is why the model gave no prediction."""

    status: int
    body: str
    kind: str = _JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    fault: Fault | None = None


def failure(status: int, code: str, message: str) -> Reply:
    """An error in the form of MLflow's REST API; one that passes says when to ask again."""
    body = json.dumps({"error_code": code, "message": message})
    busy = status == HTTPStatus.SERVICE_UNAVAILABLE
    return Reply(status, body, headers=((b"retry-after", _RETRY_AFTER),) if busy else ())


@dataclass(frozen=True)
class _Failed:
    """A model that could not predict."""

    metadata: Any
    error: Exception

    def predict(self, _: Any) -> Any:
        raise self.error


class Scorer:
    """Scores requests with one model."""

    def __init__(self, model: PyFuncModel, settings: Settings) -> None:
        self._model = model
        self._invocations = invocations(model)
        schema = model.metadata.get_input_schema()
        own = len(schema.inputs) if schema else 0
        self._most = settings.max_cells, max(settings.max_columns, own)
        self._unanswered = settings.unanswered
        # a table's values are checked by name before they are passed on without names
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        # MLflow of early 2.x does not hand out the model as its own library knows it
        known = hasattr(model, "get_raw_model")
        table = Table.of(model, self._text_by_mlflow, close=settings.compile) if known else None
        self._table, self._short = table, told(table.predict) if table else None
        if hasattr(model, "_predict_fn"):  # what is raised after MLflow's own checks
            predict = lean(model._predict_fn, model)  # noqa: SLF001 - it has no other name
            model._predict_fn = told(predict)  # noqa: SLF001
        self._frames = Frames.of(model, settings.max_cells)
        self._reads_parquet = reads_parquet()
        if not self._reads_parquet:
            _log.warning("requests in Parquet get 415: %s", _NO_PARQUET)

    def warm_up(self) -> None:
        """Predict once as requests do, so that the first one does not pay for what loads lazily.

        A model that cannot predict its own example may answer other requests: its smoke test tells.
        """
        example = getattr(self._model, "input_example", None)  # MLflow 2.20 or later
        if example is None:
            return
        try:
            self._model.predict(example)
        except (Exception, ModelFailedError) as error:  # noqa: BLE001 - whatever a model raises
            cause = error.__cause__ or error
            said = f"{type(cause).__name__}: {cause}"
            _log.warning("the model did not predict its own input example: %s", said)

    @property
    def compiled(self) -> str:
        """Which trees are compiled: `exact`, `close` or `no`."""
        return self._table.compiled if self._table else "no"

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
            text = None if self._is_large(body) else self._shortly(data)
            if text is not None:
                return Reply(200, text)
            if self._frames is not None and (frame := self._frames.frame(data)) is not None:
                return self._of_frame(self._frames.model, frame, data)
        kind = content_type.partition(";")[0].strip().lower()
        if kind == PARQUET and not self._reads_parquet:
            return failure(415, "INVALID_PARAMETER_VALUE", f"{_NO_PARQUET}; send JSON or CSV")
        cells, most = self._most
        rows, columns = extent(data, content_type)
        if columns > most or rows * columns > cells:
            limits = f"at most {most} columns and {cells} cells"
            return failure(413, "BAD_REQUEST", f"the table is too large: {limits}")
        return _reply(self._invocations(data, content_type))

    def _is_large(self, body: bytes) -> bool:
        """Whether frames are the faster way: a table's lists of lists are slow to make."""
        return self._frames is not None and len(body) > _LARGE

    def _of_frame(self, model: PyFuncModel, frame: pd.DataFrame, data: Any) -> Reply:
        try:
            predictions = model.predict(frame)
        except Exception as error:  # noqa: BLE001 - MLflow says what it is, without another try
            failed: Any = _Failed(self._model.metadata, error)
            return _reply(invocations(failed)(data, _JSON))
        return Reply(200, answer(predictions))

    def _shortly(self, data: Any) -> str | None:
        if self._short is None:
            return None
        try:
            found: str | None = self._short(data)
        except ModelRefusedError:  # MLflow's way has the words for it
            return None
        return found

    def _text_by_mlflow(self, data: Any) -> str | None:
        found = self._invocations(data, _JSON)
        return found.response if found.status == HTTPStatus.OK else None


def _reply(found: Scored) -> Reply:
    if found.status != HTTPStatus.OK and found.mimetype != _JSON:
        return failure(found.status, "INVALID_PARAMETER_VALUE", found.response)
    return Reply(found.status, found.response)


def _parsed(body: bytes) -> Any:
    """A JSON object for MLflow, parsed once; what is none is left to MLflow to refuse."""
    try:
        found = loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return body
    if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
        return {scoring_server.DF_RECORDS: found}
    return found if isinstance(found, dict) else body


def _failed(error: ModelFailedError) -> Reply:
    cause = error.__cause__
    _log.error("the model failed", exc_info=cause)
    said = f"the model raised {type(cause).__name__}; the server's log tells why"
    return Reply(
        500, json.dumps({"error_code": "MODEL_FAILED", "message": said}), fault=Fault.FAILED
    )


def _refusal(error: MlflowException) -> Reply:
    document = json.loads(error.serialize_as_json())
    if trace := document.pop("stack_trace", None):
        _log.info("%s\n%s", error.message, trace)
    return Reply(error.get_http_status_code(), json.dumps(document))
