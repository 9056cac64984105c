"""Load on a server over HTTP: many requests on kept connections, each answer looked at."""

from __future__ import annotations

import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

_TIMEOUT = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What came of it.

    Attributes:
        statuses: how many answers had which status; 0 stands for a connection that broke.
        milliseconds: the time to each answer, ascending.
    """

    statuses: Counter[int]
    milliseconds: tuple[float, ...]

    @property
    def failed(self) -> int:
        """Requests that were not answered with 200."""
        return self.statuses.total() - self.statuses[200]

    def percentile(self, share: float) -> float:
        """The time within which a share of the answers came, in milliseconds."""
        if not self.milliseconds:
            return float("nan")
        return self.milliseconds[min(len(self.milliseconds) - 1, int(share * len(self)))]

    def __len__(self) -> int:
        return len(self.milliseconds)


def count_down(requests: int) -> Callable[[], bool]:
    """Whether there is another request to send, for a number of requests by all connections."""
    left = iter(range(requests))
    return lambda: next(left, None) is not None


def send_load(url: str, body: bytes, *, connections: int, go_on: Callable[[], bool]) -> Load:
    """Post JSON to an address again and again, on some connections at the same time.

    Args:
        url: the whole address, such as `http://127.0.0.1:5001/invocations`.
        body: what is posted.
        connections: how many; each has one request at a time.
        go_on: whether another request is to be sent; called before each one.
    """
    address = urlsplit(url)
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    target = (address.hostname or "127.0.0.1", address.port or 80)
    with ThreadPoolExecutor(connections) as pool:
        lanes = [
            pool.submit(_lane, target, head.encode() + body, go_on) for _ in range(connections)
        ]
        parts = [lane.result() for lane in lanes]
    return Load(
        statuses=Counter(status for part in parts for status, _ in part),
        milliseconds=tuple(sorted(taken for part in parts for status, taken in part if status)),
    )


def _lane(
    target: tuple[str, int], request: bytes, go_on: Callable[[], bool]
) -> list[tuple[int, float]]:
    """The status and time of each answer on one connection, opened anew when it breaks."""
    answers: list[tuple[int, float]] = []
    connection: socket.socket | None = None
    try:
        while go_on():
            begun = time.perf_counter()
            try:
                connection = connection or _open(target)
                connection.sendall(request)
                status, kept = _read(connection)
            except OSError:
                status, kept = 0, False
            answers.append((status, (time.perf_counter() - begun) * 1000))
            if not kept and connection is not None:
                connection.close()
                connection = None
    finally:
        if connection is not None:
            connection.close()
    return answers


def _open(target: tuple[str, int]) -> socket.socket:
    connection = socket.create_connection(target, timeout=_TIMEOUT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _read(connection: socket.socket) -> tuple[int, bool]:
    """The status of an answer, and whether the connection stays; the body is read and dropped.

    Raises:
        OSError: the answer ended early, or does not tell its length.
    """
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, rest = received.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((line[15:] for line in lines if line.startswith(b"content-length:")), None)
    if length is None:
        raise ConnectionError("an answer without Content-Length")
    missing = int(length) - len(rest)
    while missing > 0:
        missing -= len(_more(connection))
    return int(lines[0].split()[1]), b"connection: close" not in lines


def _more(connection: socket.socket) -> bytes:
    part = connection.recv(65536)
    if not part:
        raise ConnectionError("the connection ended")
    return part
