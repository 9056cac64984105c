"""HTTP with limits: what uvicorn's fastest protocol lacks.

uvicorn's own limits are few: it reads headers without end, waits for bodies without end, keeps
answers for clients that do not read them, and asks for a body of any size. Each of these ends here
with an answer in the form of MLflow's errors, or, where an earlier answer on the same connection
has yet to be sent, with the connection.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from .scoring import failure

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from .settings import Settings

_SWEEP = 0.25  # seconds between two looks at all connections
_HEADERS = 100  # as in nginx and Apache
_PIPELINE = 32  # requests that one client may send without waiting for an answer
_CLOSE = (b"connection", b"close")
_LEAVING = (
    1.0  # seconds in which a client that asks for nothing may still ask, when the server ends
)
_LINGER = 1.0  # seconds for a refused client to read why, while it still sends
_LINGERING = 256
_BUFFERED = 4  # answers of the largest request's size, in memory for clients that are slow to read


class _RefusedError(Exception):
    """Ends the parser's work on a request that has been refused."""


class Connections:
    """What the connections of one process share.

    Args:
        refused: is told the status of each request that did not reach the application.
    """

    def __init__(self, settings: Settings, refused: Callable[[int], None]) -> None:
        self.settings, self.refused = settings, refused
        self.open: set[LimitedProtocol] = set()
        self._sweeping = False

    @property
    def may_linger(self) -> bool:
        """Whether one more refused client may be waited for."""
        return sum(c.is_refused for c in self.open) <= _LINGERING

    def add(self, connection: LimitedProtocol) -> bool:
        """Look after a connection; False if there are too many."""
        self.open.add(connection)
        if not self._sweeping:
            self._sweeping = True
            self._sweep(connection.loop)
        return len(self.open) <= self.settings.connections

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer for all connections: none has to be set for a request."""
        now, buffered = loop.time(), 0
        for connection in tuple(self.open):
            buffered += connection.look(now)
        most = _BUFFERED * self.settings.max_bytes
        for connection in sorted(self.open, key=lambda c: c.unread) if buffered > most else ():
            buffered -= connection.drop()
            if buffered <= most:
                break
        if self.open:
            loop.call_later(_SWEEP, self._sweep, loop)
        else:
            self._sweeping = False


class LimitedProtocol(HttpToolsProtocol):
    """A connection.

    Attributes:
        is_refused: nothing more is read of it.
        unread: since when it has not taken what was written to it, in seconds of the loop.
    """

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._all, self._limits = connections, connections.settings
        self.is_refused = False
        self.unread = math.inf
        self._due = math.inf  # when what is being read must have been read
        self._leaving = math.inf  # when it is closed, if nothing is asked for
        self._running: RequestResponseCycle | None = None  # the request that is being answered
        self._has_length = False  # the request that is being read says how long it is
        self._quiet = 0  # bytes in a row that were neither a whole head nor a part of a body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse it if there are too many."""
        super().connection_made(transport)
        self._await_head()
        if not self._all.add(self):
            self._refuse(503, "TEMPORARILY_UNAVAILABLE", "there are too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._all.open.discard(self)
        self._disconnect()
        super().connection_lost(exc)

    def look(self, now: float) -> int:
        """End what takes too long; the bytes that the client has yet to read."""
        size = self.transport.get_write_buffer_size()
        self.unread = min(self.unread, now) if size else math.inf
        if now - self.unread > self._limits.write_timeout:
            return size - self.drop()
        if now > self._leaving and self._running is None and not self._is_reading:
            self.transport.close()
        if now > self._due:
            if self.flow.read_paused:  # it waits for us
                self._due = now + self._limits.body_timeout
            elif self.is_refused or not self._is_reading:
                self.drop()
            else:
                self._refuse(408, "BAD_REQUEST", "the request did not arrive in time")
        return size

    def drop(self) -> int:
        """End the connection; the bytes that the client had yet to read."""
        size: int = self.transport.get_write_buffer_size()
        self._disconnect()
        self.transport.abort()
        return size

    def shutdown(self) -> None:
        """Close it with its next answer, which says so; if nothing is asked for, in a while.

        uvicorn closes at once what is idle, and what is busy after an answer that does not say so:
        the client's next request, which is on its way by then, would be lost.
        """
        if _CLOSE not in self.server_state.default_headers:
            self.server_state.default_headers = [*self.server_state.default_headers, _CLOSE]
        waiting = [cycle for cycle, _ in self.pipeline]
        for cycle in (self._running, *waiting):
            if cycle is not None and not cycle.response_started:
                cycle.default_headers = self.server_state.default_headers
        self._leaving = self.loop.time() + _LEAVING

    def data_received(self, data: bytes) -> None:
        """Read on, unless it was refused or what is neither head nor body gets too long."""
        if self.is_refused:
            return
        self._quiet += len(data)
        super().data_received(data)
        if self._quiet > self._limits.max_header:
            self._refuse_head()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """Refuse by what the head says, before a body is asked for."""
        if len(self.headers) > _HEADERS or (
            self._quiet > self._limits.max_header and self._head > self._limits.max_header
        ):
            self._refuse_head()
        self._has_length = False
        for name, value in self.headers:
            if name == b"content-length":
                self._has_length = True
                if int(value) > self._limits.max_bytes:
                    self._refuse(413, "BAD_REQUEST", self._limits.too_large)
            elif name == b"expect" and value.lower() != b"100-continue":
                self._refuse(417, "BAD_REQUEST", "the only thing to expect is 100-continue")
        if self.is_refused:
            raise _RefusedError
        self._quiet = 0
        self._due = self.loop.time() + self._limits.body_timeout
        super().on_headers_complete()
        if not self.pipeline:
            self._running = self.cycle
        elif len(self.pipeline) > _PIPELINE:
            self._refuse(503, "TEMPORARILY_UNAVAILABLE", "there are too many requests at once")
            raise _RefusedError

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._quiet = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request has arrived: now the server is on the move."""
        self._quiet = 0
        super().on_message_complete()
        self._due = math.inf
        if self.cycle.response_complete:
            self._await_head()

    def on_response_complete(self) -> None:
        """Wait for the next request, but not for a body without end that is answered already."""
        self._running = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        if self._running is None and self.cycle.more_body and not self._has_length:
            self._linger()
        elif self._running is None and self._due == math.inf:
            self._await_head()

    def send_400_response(self, msg: str) -> None:
        """What the parser does not understand."""
        self._refuse(400, "BAD_REQUEST", msg)

    @property
    def _is_reading(self) -> bool:
        """Whether a part of a request has arrived."""
        return self._quiet > 0 or (self._running is not None and self._running.more_body)

    @property
    def _head(self) -> int:
        """The size of the head, in bytes."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _await_head(self) -> None:
        self._due = self.loop.time() + self._limits.header_timeout

    def _refuse_head(self) -> None:
        most = self._limits.max_header
        status = 414 if len(getattr(self, "url", b"")) > most else 431
        self._refuse(status, "BAD_REQUEST", f"at most {_HEADERS} headers, {most} bytes in all")

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer and close, or only close while an earlier answer has yet to be sent."""
        if self.is_refused:
            return
        self.is_refused = True
        self._all.refused(status)
        cycle = self._running
        if cycle is not None and (cycle.response_started or not cycle.more_body):
            self.drop()
            return
        self._disconnect()
        reply = failure(status, code, message)
        body = reply.body.encode()
        headers = [*self.server_state.default_headers, *reply.headers, *_headers(len(body))]
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + body)
        self._linger()

    def _disconnect(self) -> None:
        """Tell the application that nobody waits for its answer; uvicorn tells the last request."""
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()

    def _linger(self) -> None:
        """Let the client read the answer: a connection that is closed while it sends is reset."""
        self.is_refused = True
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        if not self._all.may_linger:
            self.transport.close()
        elif not self.transport.is_closing():
            self.transport.write_eof()
        self._due = self.loop.time() + _LINGER


def _headers(length: int) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % length),
        _CLOSE,
    ]
