"""`python -m server`: load the model, predict once, then listen until SIGTERM."""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from . import metrics
from .importing import import_mlflow
from .settings import Settings, SettingsError, read

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel
    from starlette.applications import Starlette

# one process for each processor: threads of a library inside it would only take turns
_ONE_THREAD = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    "LOKY_MAX_CPU_COUNT",
)


def main() -> int:
    """Serve; returns the exit code."""
    try:
        settings = read()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 64
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    metrics.share(settings.workers)
    return _serve(settings)


def _serve(settings: Settings) -> int:
    import uvicorn

    # uvicorn raises the signal again once it has drained; by then there is nothing left to stop
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    uvicorn.run(
        f"{__package__}.__main__:application",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.drain,
    )
    return 0


def application() -> Starlette:
    """The application of one worker, ready for requests."""
    gc.disable()  # nearly all that is made now stays: looking through it for garbage is waste
    # as in MLflow's own server: models may ask where they run
    os.environ["_MLFLOW_IS_IN_SERVING_ENVIRONMENT"] = "true"
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    import_mlflow()

    from .app import application as served
    from .scoring import Scorer

    settings = read()
    scorer = Scorer(_loaded(settings))
    scorer.warm_up()
    _settle()
    logging.getLogger("serving").info("%s version %s is ready", settings.name, settings.version)
    return served(scorer, settings)


def _loaded(settings: Settings) -> PyFuncModel:
    """The model, as MLflow's server loads it, without a look at each installed file for a warning.

    The image was built from the very requirements that MLflow would compare with what is installed.
    """
    from mlflow.pyfunc import load_model
    from mlflow.pyfunc.scoring_server import SERVING_MODEL_CONFIG

    config = os.environ.get(SERVING_MODEL_CONFIG)
    return load_model(
        str(settings.model),
        suppress_warnings=True,
        model_config=json.loads(config) if config else None,
    )


def _settle() -> None:
    """Keep what stays out of later collections, and give back memory that only loading took."""
    gc.freeze()
    gc.enable()
    with suppress(OSError, AttributeError):  # another libc than glibc
        ctypes.CDLL(None).malloc_trim(0)


if __name__ == "__main__":
    sys.exit(main())
