"""What runs in the process that a model has to itself: load it, let it predict, measure.

Nothing but Python's own library is imported until then: the model's environment may hold no more.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

_TIMED = 20  # predictions of one row
_TIMING = 2.0  # seconds at most
_KIB_A_UNIT = 1 if sys.platform == "linux" else 1 / 1024  # of ru_maxrss; macOS counts bytes


def measured(folder: str, frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """A model's one answer to all rows, and its cost, as `mlgitops.review.answers` reads it."""
    from mlflow.pyfunc import load_model

    before = _memory()
    model = load_model(folder, suppress_warnings=True)
    predictions = _flat(model.predict(frame), len(frame))
    grown = _memory() - before
    row = frame.head(1)
    taken: list[float] = []
    begun = time.perf_counter()
    while len(taken) < _TIMED and time.perf_counter() - begun < _TIMING:
        start = time.perf_counter()
        model.predict(row)
        taken.append(time.perf_counter() - start)
    yield {
        "predictions": predictions,
        "milliseconds": statistics.median(taken) * 1000,
        "mebibytes": grown,
    }


def _memory() -> float:
    """The most memory that this process has held so far, in MiB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB_A_UNIT / 1024


def _flat(predicted: Any, rows: int) -> list[Any]:
    """Predictions as a list of numbers or texts, one for each row."""
    import numpy as np

    values = np.asarray(predicted)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.shape != (rows,):
        shape = " × ".join(map(str, values.shape)) or "1"
        raise ValueError(not_one_each(shape, rows))
    return list(values.tolist())


def not_one_each(shape: str, rows: int) -> str:
    """What to say of answers that are not one for each row."""
    return f"it returns {shape} values for {count(rows, 'row')}, not one per row"
