"""Reading a registry of many models: mlgitops' pages against one request for each model."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.registry.connect import connect
from mlgitops.registry.embedded import Embedded, server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODELS = 500


def timed(action: Callable[[], object]) -> float:
    """The wall time of one call in seconds, the best of three."""
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return min(times)


def measure() -> Iterator[str]:
    """Over HTTP, with one alias a model."""
    from mlflow import MlflowClient

    with tempfile.TemporaryDirectory(prefix="mlgitops-") as folder:
        embedded = Embedded(folder=Path(folder))
        direct = MlflowClient(tracking_uri=embedded.uri, registry_uri=embedded.uri)
        names = [f"model-{number}" for number in range(MODELS)]
        for name in names:
            direct.create_registered_model(name)
            direct.create_model_version(name, "/nowhere", await_creation_for=0)
            direct.set_registered_model_alias(name, "production", "1")
        with server(embedded) as url:
            registry = connect(url)
            client = MlflowClient(tracking_uri=url, registry_uri=url)
            pages = timed(registry.held)
            each = timed(lambda: [client.get_registered_model(name) for name in names])
    yield f"{MODELS} models by pages       {pages:6.2f} s"
    yield f"{MODELS} models one by one     {each:6.2f} s"
    yield f"pages take {pages / each:.3f} × the time"
