"""What runs in the process that a model has to itself: load it, let it predict, measure.

Nothing but Python's own library is imported until then: the model's environment may hold no more.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

_TIMED = 20  # predictions of one row at most
_FEWEST, _ENOUGH = 7, 0.05  # predictions, and seconds after which so many tell the median
_TIMING = 2.0  # seconds at most
_KIB_A_UNIT = 1 if sys.platform == "linux" else 1 / 1024  # of ru_maxrss; macOS counts bytes
MOST_NUMBERS = 400_000  # of all rows together; of more, every second, third … row is told
MOST_CLASSES = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """Inputs that are no table, such as tensors, messages or texts.

    Attributes:
        text: as JSON, with lists for arrays.
        arrays: the types of what is an array, by its key; that of the whole has the key "".
        count: how many rows that is.
        params: of the prediction, as JSON; empty where there are none.
    """

    text: str
    count: int
    arrays: tuple[tuple[str, str], ...] = ()
    params: str = ""

    def __len__(self) -> int:
        return self.count


def step(rows: int, numbers: int) -> int:
    """One row in so many is told of answers of so many numbers a row."""
    return -(-rows * numbers // MOST_NUMBERS) or 1


def measured(folder: str, given: pd.DataFrame | Example) -> Iterator[dict[str, Any]]:
    """A model's one answer to all rows, and its cost, as `mlgitops.review.answers` reads it."""
    from mlflow.pyfunc import load_model

    _trace_nothing()
    before = _memory()
    model = load_model(folder, suppress_warnings=True)
    inputs, params = _inputs(given)
    predicted = model.predict(inputs, params=params)
    answer = _told(predicted, len(given))
    grown = _memory() - before
    row = inputs if isinstance(given, Example) else inputs.head(1)
    taken: list[float] = []
    begun = time.perf_counter()
    while len(taken) < _TIMED and time.perf_counter() - begun < _most(len(taken)):
        start, waited = time.perf_counter(), _waited()
        model.predict(row, params=params)
        taken.append(max(0.0, time.perf_counter() - start - (_waited() - waited)))
    if "predictions" in answer:
        answer |= _probabilities(model, inputs, len(given))
    yield {**answer, "milliseconds": statistics.median(taken) * 1000, "mebibytes": grown}


def _most(taken: int) -> float:
    """Seconds after which no more predictions are timed: much of scoring a small model is that."""
    return _TIMING if taken < _FEWEST else _ENOUGH


def _trace_nothing() -> None:
    """Agents log a trace of each answer: here to nowhere, which MLflow tries for minutes."""
    with suppress(ImportError, AttributeError):  # MLflow had no traces before 2.14
        from mlflow import tracing

        tracing.disable()


def _memory() -> float:
    """The most memory that this process has held so far, in MiB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB_A_UNIT / 1024


def _waited() -> float:
    """Seconds that this thread has waited for a core so far, as others predict beside it."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):  # only Linux tells
        return 0.0


def _inputs(given: pd.DataFrame | Example) -> tuple[Any, Any]:
    """What the model is asked, and with which parameters."""
    if not isinstance(given, Example):
        return given, None
    import numpy as np

    inputs, types = json.loads(given.text), dict(given.arrays)
    if "" in types:
        inputs = np.asarray(inputs, dtype=types[""])
    elif types:
        inputs = {key: np.asarray(value, dtype=types[key]) for key, value in inputs.items()}
    return inputs, json.loads(given.params) if given.params else None


def _told(predicted: Any, rows: int) -> dict[str, Any]:
    """An answer for each row: numbers or classes, several numbers, or texts; and their labels."""
    import numpy as np
    import pandas as pd

    if isinstance(predicted, (pd.DataFrame, pd.Series)):
        return _of_pandas(pd.DataFrame(predicted), rows)
    if hasattr(predicted, "model_dump"):
        predicted = predicted.model_dump()
    if isinstance(predicted, dict):
        return _of_mapping(predicted, rows)
    if isinstance(predicted, str) and rows == 1:
        return {"predictions": [predicted]}
    if isinstance(predicted, (list, tuple)) and _structured(predicted):
        return {"texts": [_written(one) for one in predicted]}
    if hasattr(predicted, "toarray"):
        predicted = predicted.toarray()
    return _of_array(np.asarray(predicted), rows)


def _structured(listed: Any) -> bool:
    """Whether answers are messages and the like, rather than numbers or classes."""
    return bool(listed) and all(
        isinstance(one, dict) or hasattr(one, "model_dump") for one in listed
    )


def _of_pandas(found: pd.DataFrame, rows: int) -> dict[str, Any]:
    """A table; its days or times are labels, as forecasters answer for other rows than asked."""
    import numpy as np
    import pandas as pd

    when = [name for name in found.columns if pd.api.types.is_datetime64_any_dtype(found[name])]
    labels: dict[str, Any] = {}
    if when:
        labels = {"labels": [one.isoformat() for one in found[when[0]]]}
        found = found.drop(columns=when)
    elif isinstance(found.index, (pd.DatetimeIndex, pd.PeriodIndex)):
        index = found.index
        stamps = index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index
        labels = {"labels": [one.isoformat() for one in stamps]}
    elif rows == 1 and len(found) > 1:
        labels = {"labels": [str(step) for step in found.index]}  # of a forecast
    if "yhat" in found.columns:  # Prophet's forecast, beside the parts that it is the sum of
        found = found[["yhat"]]
    elif list(found.columns) == ["label", "score"]:  # a text classifier of transformers
        found = found[["label"]]
    numbers = all(pd.api.types.is_numeric_dtype(kind) for kind in found.dtypes)
    if found.shape[1] > 1 and not numbers:
        return {"texts": [_written(row) for row in found.to_dict("records")], **labels}
    answer = _of_array(np.asarray(found.to_numpy()), len(found) if labels else rows)
    if found.shape[1] > 1 and not isinstance(found.columns, pd.RangeIndex):
        answer["columns"] = [str(name) for name in found.columns]
    return {**answer, **labels}


def _of_mapping(found: dict[Any, Any], rows: int) -> dict[str, Any]:
    """Several outputs by their names, or one structured answer."""
    import numpy as np

    arrays = {}
    for name, value in found.items():
        values = None if isinstance(value, (str, dict)) else np.asarray(value)
        if values is None or values.dtype.kind not in "biuf" or values.shape[:1] != (rows,):
            return {"texts": [_written(found)]}
        arrays[str(name)] = values.reshape(rows, -1)
    if len(arrays) == 1:
        return _of_array(next(iter(arrays.values())), rows)
    columns = [
        name if values.shape[1] == 1 else f"{name}[{index}]"
        for name, values in arrays.items()
        for index in range(values.shape[1])
    ]
    answer = _of_array(np.concatenate(list(arrays.values()), axis=1), rows)
    return {**answer, "columns": columns}


def _of_array(values: Any, rows: int) -> dict[str, Any]:
    import numpy as np

    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype == object and values.shape == (rows,) and rows:
        first = values[0]
        if isinstance(first, dict):
            return {"texts": [_written(one) for one in values]}
        if isinstance(first, (list, tuple, np.ndarray)):
            values = np.array([np.asarray(one) for one in values])
    if values.shape == (rows,):
        return {"predictions": values.tolist()}
    if rows == 1 and values.ndim == 1 and values.dtype.kind in "biuf" and len(values):
        labels = [f"step {number + 1}" for number in range(len(values))]  # of a forecast
        return {"predictions": values.tolist(), "labels": labels}
    if values.ndim < 2 or len(values) != rows or values.dtype.kind not in "biuf":
        shape = " × ".join(map(str, values.shape)) or "1"
        raise ValueError(not_one_each(shape, rows))
    flat = values.reshape(rows, -1)
    kept = flat[:: step(rows, flat.shape[1])]
    return {"vectors": kept.astype(float).tolist()}


def _written(answer: Any) -> str:
    """A structured answer as a text: what it says, where it is that of a chat or an agent."""
    if hasattr(answer, "model_dump"):
        answer = answer.model_dump()
    said = list(_said(answer)) if isinstance(answer, dict) else []
    if said:
        return "\n".join(said)
    return json.dumps(_plain(answer), indent=1, ensure_ascii=False, sort_keys=True)


def _said(answer: dict[str, Any]) -> Iterator[str]:
    """The words and calls of OpenAI's chat completions and responses, and of MLflow's agents."""
    choices = answer.get("choices") or []
    messages = [one.get("message") for one in choices if isinstance(one, dict)]
    for key in ("output", "messages"):
        if isinstance(answer.get(key), list):
            messages += answer[key]
    for message in messages:
        if isinstance(message, dict):
            yield from _message(message)


def _message(message: dict[str, Any]) -> Iterator[str]:
    content = message.get("content")
    for part in content if isinstance(content, list) else [content]:
        words = part.get("text") if isinstance(part, dict) else part
        if isinstance(words, str):
            yield words
    calls = message.get("tool_calls") or []
    for call in (one.get("function") for one in calls if isinstance(one, dict)):
        if isinstance(call, dict):
            yield f"calls {call.get('name')}({call.get('arguments')})"
    if message.get("type") == "function_call":
        yield f"calls {message.get('name')}({message.get('arguments')})"
    if message.get("type") == "function_call_output":
        yield f"gets {message.get('output')}"


def _plain(value: Any) -> Any:
    """With lists for arrays and numbers for those of numpy; pandas' None and NaN as they are."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _probabilities(model: Any, inputs: Any, rows: int) -> dict[str, Any]:
    """What a classifier says of each class, where it can; nothing else depends on it."""
    try:
        raw = model.get_raw_model()
        schema = model.metadata.get_input_schema()
        if hasattr(inputs, "columns") and schema and schema.has_input_names():
            inputs = inputs[schema.input_names()]
        found = raw.predict_proba(inputs)
        classes = [str(one) for one in raw.classes_]
        if found.shape != (rows, len(classes)) or len(classes) > MOST_CLASSES:
            return {}
        if step(rows, len(classes)) > 1 or not (found.min() >= 0 and found.max() <= 1):
            return {}
        return {"probabilities": {"classes": classes, "rows": found.astype(float).tolist()}}
    except Exception:  # noqa: BLE001 - it is no classifier, or one that wants to be asked otherwise
        return {}


def not_one_each(shape: str, rows: int) -> str:
    """What to say of answers that are not one for each row."""
    return f"it returns {shape} values for {count(rows, 'row')}, not one per row"
