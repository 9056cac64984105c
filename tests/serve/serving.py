"""The server of serving images, run on this machine as the container runs it."""

from __future__ import annotations

import importlib
import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import requests

from mlgitops.errors import ServeError
from mlgitops.system import waiting
from mlgitops.system.http import is_up
from mlgitops.system.ports import free_port
from mlgitops.system.processes import started

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

HANG = -666.0  # as the first value of a request
_SUM = f"""
import time
import numpy as np

class Sum:
    def predict(self, rows):
        rows = np.asarray(rows, dtype=float)
        if len(rows) and rows[0, 0] == {HANG}:
            print("hanging", flush=True)
            time.sleep(600)
        if {{pace}}:
            time.sleep(len(rows) * {{pace}})
        return rows.sum(axis=1)
"""


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A server that is running."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def post(self, body: bytes, content_type: str | None = "application/json") -> requests.Response:
        """Post to /invocations."""
        headers = {"Content-Type": content_type} if content_type else {}
        return requests.post(f"{self.url}/invocations", data=body, headers=headers, timeout=60)


def sum_model(folder: Path, pace: float = 0.0) -> Path:
    """A model of the columns x and y that adds them; it hangs if the first x is HANG.

    It takes `pace` seconds for each row.
    """
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature

    (folder / "summing.py").write_text(_SUM.format(pace=pace))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        mlflow.sklearn.save_model(
            importlib.import_module("summing").Sum(),
            folder / "model",
            serialization_format="cloudpickle",
            code_paths=[str(folder / "summing.py")],
            signature=infer_signature(pd.DataFrame({"x": [1.0], "y": [2.0]})),
            pip_requirements=["mlflow"],
        )
    return folder / "model"


def asks(*first: float, rows: int = 1) -> bytes:
    """A request for sums: of `first` and 1 in the first row, of 1 and 2 in the others."""
    records = [{"x": x, "y": 1.0} for x in first] + [{"x": 1.0, "y": 2.0}] * (rows - len(first))
    return json.dumps({"dataframe_records": records}).encode()


@contextmanager
def serving(model: Path, log: Path, **settings: str) -> Iterator[Serving]:
    """Serve the model of a folder until the block ends."""
    port = free_port()
    given = {
        "SERVING_MODEL": str(model),
        "SERVING_HOST": "127.0.0.1",
        "SERVING_PORT": str(port),
        "SERVING_WORKERS": "1",
        **settings,
    }
    command = [sys.executable, "-m", "mlgitops.serve.server"]
    with started(command, log, environment=given) as running:
        url = f"http://127.0.0.1:{port}"
        waiting.until_ready(
            "the server", running, lambda: is_up(f"{url}/ping"), timeout=90, error=ServeError
        )
        yield Serving(url=url, process=running.process, log=log)
