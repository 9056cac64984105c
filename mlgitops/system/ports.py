"""TCP ports of this machine."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress

from mlgitops.errors import NoFreePortError

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A loopback port that nothing listens on at this moment.

    It is below the range that systems give to outgoing connections (from 32768 on Linux, 49152
    elsewhere), so that no connection takes it before the server that it is meant for.

    Raises:
        NoFreePortError: none was found.
    """
    for port in secrets.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port
    raise NoFreePortError(
        "found no free port between 20000 and 32000; stop a program that listens there"
    )


def refusal(host: str, port: int) -> str | None:
    """Why a server cannot listen on a port, such as "Address already in use"; None if it can."""
    with socket.socket() as probe:
        # a port whose last connection has just ended is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return None
