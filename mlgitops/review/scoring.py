"""Predictions of a model in a process of its own, and what they cost."""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mlgitops.core.evidence import Cost
from mlgitops.errors import IsolatedError, ScoringError
from mlgitops.system import isolated
from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import pandas as pd

TIMEOUT = 300.0  # seconds for loading and all predictions
_PRELOADED = ("mlflow.pyfunc", "mlflow.sklearn", "skops.io", "pyarrow.pandas_compat")
_TIMED = 20  # predictions of one row
_TIMING = 2.0  # seconds at most
_LONGEST = 1_000  # characters of a class
_KIB_A_UNIT = 1 if sys.platform == "linux" else 1 / 1024  # of ru_maxrss; macOS counts bytes


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """The predictions of shape (rows,), numbers or texts, and their cost."""

    predictions: np.ndarray
    cost: Cost


_Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
_Class = Annotated[str, Field(max_length=_LONGEST)]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Answer(BaseModel):
    """What the process says; the model may have written it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    predictions: list[bool] | list[_Whole] | list[float] | list[_Class | None]
    milliseconds: _Amount
    mebibytes: _Amount


_ANSWERS: TypeAdapter[tuple[_Answer]] = TypeAdapter(tuple[_Answer])


def score(folder: Path, frame: pd.DataFrame, *, timeout: float = TIMEOUT) -> Scored:
    """Load the model in a folder and let it predict.

    Args:
        folder: a model of MLflow's.
        frame: features of shape (rows, columns).
        timeout: seconds.

    Raises:
        ScoringError: it could not be loaded or did not predict one value for each row.
    """
    import numpy as np

    try:
        said = isolated.call(
            _measured,
            str(folder),
            frame,
            timeout=timeout,
            readable=[folder],
            preload=_PRELOADED,
        )
        (answer,) = _ANSWERS.validate_python(tuple(said))
    except IsolatedError as error:
        raise ScoringError(str(error)) from error
    except ValidationError:
        raise ScoringError("its predictions are not numbers or short texts") from None
    if len(answer.predictions) != len(frame):
        raise ScoringError(_not_one_each(str(len(answer.predictions)), len(frame)))
    cost = Cost(milliseconds=answer.milliseconds, mebibytes=answer.mebibytes)
    return Scored(predictions=np.asarray(answer.predictions), cost=cost)


def warm_up() -> None:
    """Begin to import what predictions need, elsewhere and without waiting for it."""
    isolated.warm_up(_PRELOADED)


def not_apart() -> str:
    """Why models are loaded with this user's rights here; empty if they are not."""
    return isolated.denied(_PRELOADED)


def _measured(folder: str, frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """What runs in the process."""
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
        raise ValueError(_not_one_each(shape, rows))
    return list(values.tolist())


def _not_one_each(shape: str, rows: int) -> str:
    return f"it returns {shape} values for {count(rows, 'row')}, not one per row"
