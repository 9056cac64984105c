"""Callers of a served model that ask again and again, and a model that some requests break."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlgitops.serve.load_test import send_load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.serve.load_test import Load

_PAUSE = 0.01  # seconds: tests share the machine with what they test
FAILS = 6.0  # a temperature at midnight
FAILING = f"""
import mlflow

class Failing(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        if (model_input["temperature_00"] == {FAILS}).any():
            raise RuntimeError("it is too warm")
        return model_input.sum(axis=1)

mlflow.models.set_model(Failing())
"""


@contextmanager
def callers(url: str, *bodies: bytes, connections: int) -> Iterator[list[Load]]:
    """Callers of a server for each body; the list has what they got, afterwards."""
    done = threading.Event()
    found: list[Load] = []
    with ThreadPoolExecutor(len(bodies)) as pool:
        asked = [
            pool.submit(
                send_load,
                f"{url}/invocations",
                body,
                connections=connections,
                go_on=lambda: not done.wait(_PAUSE),
            )
            for body in bodies
        ]
        try:
            yield found
        finally:
            done.set()
            found += [one.result() for one in asked]
