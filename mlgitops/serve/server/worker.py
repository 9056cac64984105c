"""One process that serves: it loads the model, predicts once, then listens until SIGTERM."""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import os
import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from .importing import forget_skops, import_mlflow, import_sklearn, import_skops

if TYPE_CHECKING:
    import socket

    from mlflow.pyfunc import PyFuncModel

    from .app import Serving
    from .settings import Settings
    from .watch import Watch


_SKOPS = "serialization_format: skops"
_OF_SKLEARN = ("mlflow.sklearn", "mlflow.lightgbm", "mlflow.xgboost")


def work(settings: Settings, listener: socket.socket, watch: Watch) -> int:
    """Serve; returns the exit code once all open requests are finished."""
    serving = application(settings, watch)
    _settle()
    listen(serving, settings, listener, watch)
    return 0


def application(settings: Settings, watch: Watch) -> Serving:
    """The application, ready for requests."""
    gc.disable()  # nearly all that is made now stays: looking through it for garbage is waste
    # as in MLflow's own server: models may ask where they run
    os.environ["_MLFLOW_IS_IN_SERVING_ENVIRONMENT"] = "true"
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    import_mlflow()

    from .app import Serving
    from .scoring import Scorer

    scorer = Scorer(loaded(settings), settings)
    scorer.warm_up()
    return Serving(scorer, settings, watch)


def listen(serving: Serving, settings: Settings, listener: socket.socket, watch: Watch) -> None:
    """Answer requests until SIGTERM."""
    import uvicorn

    from .protocol import Connections, LimitedProtocol

    # what callers do wrong is counted, not logged
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    # uvicorn raises the signal again once it has drained; by then there is nothing left to stop
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
        serving.app,
        loop="uvloop",
        http=partial(LimitedProtocol, Connections(settings, serving.refused)),  # type: ignore[arg-type]
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        proxy_headers=False,  # nobody asks who the caller is
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.drain,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            watch.ready()
            log = logging.getLogger("serving")
            log.info("%s version %s is ready", settings.name, settings.version)

    Server(config).run(sockets=[listener])


def loaded(settings: Settings) -> PyFuncModel:
    """The model, as MLflow's server loads it, without a look at each installed file for a warning.

    The image was built from the very requirements that MLflow would compare with what is installed.
    """
    from mlflow.pyfunc import load_model

    described = (settings.model / "MLmodel").read_text(encoding="utf-8")
    if any(loader in described for loader in _OF_SKLEARN):
        import_sklearn()
    config = os.environ.get("SERVING_MODEL_CONFIG")
    # MLflow before 2.6 has no such argument
    given = {"model_config": json.loads(config)} if config else {}
    load = partial(load_model, str(settings.model), suppress_warnings=True, **given)
    if _SKOPS in described and import_skops():
        try:
            return load()
        except Exception:  # noqa: BLE001 - the lists may lack what this process would add to them
            forget_skops()
    return load()


def _settle() -> None:
    """Keep what stays out of later collections, and give back memory that only loading took."""
    gc.freeze()
    gc.enable()
    with suppress(OSError, AttributeError):  # another libc than glibc
        ctypes.CDLL(None).malloc_trim(0)
