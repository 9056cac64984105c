"""Predictions of a model in a process of its own, and what they cost.

A model may run code of its own when it is loaded: so it gets none of this process's variables but
those that find libraries, its output is thrown away, it is ended when it takes too long, and what
it answers is read as JSON. That keeps accidents and simple thieves away, not a determined one: the
process has this user's rights.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from typing import TYPE_CHECKING, Any

from mlgitops.core.evidence import Cost
from mlgitops.errors import ScoringError
from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext, SpawnContext
    from pathlib import Path

    import numpy as np
    import pandas as pd

TIMEOUT = 300.0  # seconds for loading and all predictions
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_KEPT_PREFIXES = ("LC_", "PYTHON")
# one thread each: a small model only waits for more, and serving images do the same
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_PRELOADED = ("mlflow.pyfunc", "mlflow.sklearn", "skops.io", "pyarrow.pandas_compat")
_TIMED = 20  # predictions of one row
_TIMING = 2.0  # seconds at most
_KIB_A_UNIT = 1 if sys.platform == "linux" else 1 / 1024  # of ru_maxrss; macOS counts bytes


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """The predictions of shape (rows,), numbers or texts, and their cost."""

    predictions: np.ndarray
    cost: Cost


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

    context = _context()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sender, str(folder), frame), daemon=True)
    with receiver:
        with _variables():
            process.start()
        sender.close()
        try:
            answer = _answer(receiver, timeout)
        finally:
            process.kill()
            process.join()
    if "error" in answer:
        raise ScoringError(answer["error"])
    cost = Cost(milliseconds=answer["milliseconds"], mebibytes=answer["mebibytes"])
    return Scored(predictions=np.asarray(answer["predictions"]), cost=cost)


def warm_up() -> None:
    """Begin to import what predictions need, elsewhere and without waiting for it."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        _context()
        with _variables():
            forkserver.ensure_running()


def _answer(receiver: Connection, timeout: float) -> dict[str, Any]:
    if not receiver.poll(timeout):
        return {"error": f"no predictions within {timeout:g} s"}
    try:
        answer: dict[str, Any] = json.loads(receiver.recv_bytes())
    except EOFError:
        return {"error": "its process ended before it returned predictions"}
    return answer


@cache
def _context() -> ForkServerContext | SpawnContext:
    """Processes that begin with MLflow imported, where the system can do that."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    return context


@contextmanager
def _variables() -> Iterator[None]:
    """Only harmless variables, while a process starts that inherits them."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(kept, MLFLOW_DISABLE_TELEMETRY="true", **dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _child(sender: Connection, folder: str, frame: pd.DataFrame) -> None:
    """What runs in the process: one answer, as JSON."""
    silent = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silent, stream)
    try:
        text = json.dumps(_measured(folder, frame))
    except Exception as error:  # noqa: BLE001 - a model may raise anything
        first = next(iter(str(error).splitlines()), "")
        text = json.dumps({"error": f"{type(error).__name__}: {first}".removesuffix(": ")})
    with sender:
        sender.send_bytes(text.encode())


def _measured(folder: str, frame: pd.DataFrame) -> dict[str, Any]:
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
    return {
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
        raise ValueError(f"it returns {shape} values for {count(rows, 'row')}, not one per row")
    return list(values.tolist())
