"""Child processes that are always ended with everything they started."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from mlgitops.errors import ServeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_GRACE = 10.0  # seconds between SIGTERM and SIGKILL


def free_port() -> int:
    """A loopback port that nothing listens on at this moment.

    It is below the range that systems give to outgoing connections (from 32768 on Linux, 49152
    elsewhere), so that no connection takes it before the server that it is meant for.

    Raises:
        ServeError: none was found.
    """
    for port in secrets.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServeError("there is no free port between 20000 and 32000; end what listens there")


def last_lines(log: Path, count: int = 40) -> str:
    """The last lines of a log file."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the process group of `process` on exit, also after an exception.

    The process must have been started with `start_new_session=True`.
    """
    try:
        yield
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], grace: float = _GRACE) -> None:
    """End a process group: ask first, force after `grace` seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=grace)
            break
    # workers may outlive their parent, which is what was waited for
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
