"""`python -m server`: serve the model until SIGTERM, in as many processes as the settings say."""

from __future__ import annotations

import os
import socket
import sys
from functools import partial

from . import metrics
from .settings import Settings, SettingsError, read
from .supervisor import Supervisor
from .worker import work

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
    try:
        listener = _bound(settings)
    except OSError as error:
        sys.stderr.write(f"cannot listen on {settings.host}:{settings.port}: {error}\n")
        return 1
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    with metrics.shared(settings.workers):
        return Supervisor(settings, partial(work, settings, listener)).run()


def _bound(settings: Settings) -> socket.socket:
    """The socket of all workers; the first that is ready listens on it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((settings.host, settings.port))
    return listener


if __name__ == "__main__":
    sys.exit(main())
