"""Requests that misbehave, through raw sockets, against the server of serving images."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from harness.children import children
from harness.waiting import eventually
from tests.serve.serving import asks, serving, sum_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.serve.serving import Serving

pytestmark = pytest.mark.xdist_group("server")

LIMIT = 0.3  # seconds, of the server
PATIENCE = 5.0  # seconds, of ours
MOST = 1_000_000  # bytes of a body
SETTINGS = {
    "SERVING_HEADER_TIMEOUT": str(LIMIT),
    "SERVING_BODY_TIMEOUT": str(LIMIT),
    "SERVING_WRITE_TIMEOUT": str(LIMIT),
    "SERVING_MAX_BYTES": str(MOST),
    "SERVING_MAX_COLUMNS": "1000",
    "SERVING_MAX_CELLS": "200000",
    "SERVING_CONNECTIONS": "40",
}
CLOSED = 0  # without an answer
POST = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
PARQUET = "application/vnd.apache.parquet"
WIDE = [f"c{number}" for number in range(20_000)]


def post(body: bytes, kind: str = "application/json", *more: str) -> bytes:
    """A request that is right as HTTP."""
    head = ["POST /invocations HTTP/1.1", "Host: x", f"Content-Type: {kind}", *more]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


def record(value: bytes) -> bytes:
    """A request with one record that holds a JSON value."""
    return post(b'{"dataframe_records": [{"x": ' + value + b', "y": 1}]}')


def repeated() -> bytes:
    """Parquet with a million equal values in some hundred bytes."""
    import io

    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pa.table({"x": np.ones(1_000_000)}), file)
    return post(file.getvalue(), PARQUET)


HEAD: dict[str, tuple[bytes, int]] = {
    "nothing at all": (b"", CLOSED),
    "half a request line": (b"GET /pi", 408),
    "half a head": (POST + b"A: b\r\n", 408),
    "empty lines without end": (b"\r\n" * 100_000, 431),
    "a header of 3 MB": (POST + b"A: " + b"b" * 3_000_000, 431),
    "300 headers of 10 kB": (POST + (b"A: " + b"b" * 10_000 + b"\r\n") * 300 + b"\r\n", 431),
    "1,000 small headers": (POST + b"A: b\r\n" * 1_000 + b"\r\n", 431),
    "a target of 1 MB": (b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "NUL in a header's value": (POST + b"A: b\0c\r\n\r\n", 400),
    "NUL in a header's name": (POST + b"A\0: b\r\n\r\n", 400),
    "a folded header": (b"GET /ping HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
    "bytes that are no target": (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "escapes that are none": (b"GET /%ff%00%zz HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "a target of another host": (b"GET http://other/ping HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 400),
    "an upgrade to WebSocket": (
        b"GET /ping HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        200,
    ),
    "HTTP/1.0 without a host": (b"GET /ping HTTP/1.0\r\n\r\n", 200),
    "HTTP/0.9": (b"GET /ping\r\n", 408),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/9.9": (b"GET /ping HTTP/9.9\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), 400),
    "pings without end": (PING * 3_000, CLOSED),
}
FRAMING: dict[str, tuple[bytes, int]] = {
    "half a body": (POST + b"Content-Length: 10\r\n\r\n{", 408),
    "a body of a terabyte": (POST + b"Content-Length: 999999999999\r\n\r\n", 413),
    "may I send a terabyte": (
        POST + b"Expect: 100-continue\r\nContent-Length: 999999999999\r\n\r\n",
        413,
    ),
    "an expectation nobody knows": (POST + b"Expect: tea\r\nContent-Length: 2\r\n\r\n{}", 417),
    "a length of 5,000 digits": (POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde", 400),
    "length and chunks": (CHUNKED[:-2] + b"Content-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "an encoding nobody knows": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "a chunk without a size": (CHUNKED + b"zz\r\nabc\r\n", 400),
    "a chunk of 2⁷² bytes": (CHUNKED + b"f" * 18 + b"\r\nabc\r\n", 400),
    "chunks without end": (CHUNKED + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 20, 413),
    "an extension of 3 MB": (CHUNKED + b"3;" + b"a" * 3_000_000, 431),
    "trailers without end": (CHUNKED + b"2\r\n{}\r\n0\r\n" + b"A: b\r\n" * 300_000, 431),
}
BODIES: dict[str, tuple[bytes | Callable[[], bytes], int]] = {
    "CSV of 100,000 columns": (post(b",".join([b"c"] * 100_000), "text/csv"), 413),
    "CSV, wide below its header": (post(b"x\n" + b"," * 100_000, "text/csv"), 413),
    "CSV, wide after a quoted line": (post(b'"x\n"' + b"," * 100_000, "text/csv"), 413),
    "CSV of too many cells": (post(b"x,y\n" + b"1,2\n" * 110_000, "text/csv"), 413),
    "a charset nobody knows": (post(b"x\n1", "text/csv; charset=rot13"), 415),
    "a charset that is none": (post(b"x\n1", 'text/csv; charset="\x7f\x7f=;;"'), 400),
    "records of 20,000 columns": (
        post(json.dumps({"dataframe_records": [dict.fromkeys(WIDE, 1)]}).encode()),
        413,
    ),
    "a column each of 20,000 records": (
        post(json.dumps({"instances": [{name: 1} for name in WIDE]}).encode()),
        413,
    ),
    "a table of 20,000 columns": (
        post(json.dumps({"dataframe_split": {"columns": WIDE, "data": []}}).encode()),
        413,
    ),
    "inputs of 20,000 columns": (
        post(json.dumps({"inputs": {name: [1] for name in WIDE}}).encode()),
        413,
    ),
    "lists 100,000 deep": (post(b"[" * 100_000), 400),
    "objects 100,000 deep": (post(b'{"a":' * 100_000), 400),
    "a value 900 deep": (record(b"[" * 900 + b"]" * 900), 400),
    "a number of 5,000 digits": (record(b"9" * 5_000), 400),
    "NaN": (record(b"NaN"), 200),
    "half a surrogate pair": (record(b'"\\ud800"'), 400),
    "Parquet that is none": (post(b"PAR1" + b"\xff" * 100 + b"PAR1", PARQUET), 400),
    "Parquet of a million equal values": (repeated, 413),
}
KINDS = {**HEAD, **FRAMING, **BODIES}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server for all of them, with small limits; none makes it fail, or lose its worker."""
    folder = tmp_path_factory.mktemp("sum")
    with serving(sum_model(folder), folder / "log", **SETTINGS) as made:
        yield made
        log = made.log.read_text()
        assert "Exception in ASGI application" not in log
        assert "a request could not be answered" not in log
        assert log.count("is ready") == 1


def connected(server: Serving) -> socket.socket:
    """A connection to a server."""
    port = int(server.url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def answer(server: Serving, raw: bytes) -> bytes:
    """Whatever a server says to raw bytes, once a whole answer is there or the connection ends."""
    with connected(server) as connection:
        with suppress(ConnectionError):
            connection.sendall(raw)
        return rest(connection)


def rest(connection: socket.socket) -> bytes:
    """The next answer on a connection; nothing if it ends without one."""
    found = b""
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            found += part
            head, ended, body = found.partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
            if ended and len(body) >= int(length or 0):
                break
    return found


def status(answered: bytes) -> int:
    """Of an answer; CLOSED if there is none."""
    return int(answered.split()[1]) if answered else CLOSED


def memory(server: Serving) -> int:
    """Bytes that the server's processes hold; source: proc_pid_status(5), RssAnon."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in children(server.process.pid)]
    return 1024 * sum(int(text.partition("RssAnon:")[2].split()[0]) for text in texts)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_answered_or_closed(kind: str, server: Serving) -> None:
    """With the right status, in time, in little memory; then an ordinary request is answered."""
    made, expected = KINDS[kind]
    raw = made if isinstance(made, bytes) else made()
    before, begun = memory(server), time.monotonic()
    found = answer(server, raw)
    assert status(found) == expected, found[:500]
    assert time.monotonic() - begun < PATIENCE
    assert b"100 Continue" not in found
    if expected >= 400:
        assert json.loads(found.partition(b"\r\n\r\n")[2])["error_code"]
    assert server.post(asks()).json() == {"predictions": [3.0]}
    assert memory(server) - before < 40 * 2**20


def test_connections_beyond_capacity(server: Serving) -> None:
    """600 half-sent bodies: 40 wait and get 408, all others are refused, and told so with 503."""
    held = []
    try:
        for _ in range(600):
            connection = connected(server)
            held.append(connection)
            with suppress(ConnectionError):
                connection.sendall(POST + b"Content-Length: 10\r\n\r\n{")
        answers = [rest(connection) for connection in held]
    finally:
        for connection in held:
            connection.close()
    assert {status(found) for found in answers} <= {503, 408, CLOSED}
    refused = [found for found in answers if status(found) == 503]
    assert len(refused) > 100
    assert all(b"retry-after: 1\r\n" in found for found in refused)
    assert server.post(asks()).status_code == 200


def test_a_client_that_does_not_read(server: Serving) -> None:
    """Answers that are not taken do not stay in memory: the connection ends within the limit."""
    table = {"columns": ["x", "y"], "data": [[0.1, 0.2]] * 75_000}
    large, answers = post(json.dumps({"dataframe_split": table}).encode()), 8
    size = len(answer(server, large))
    assert size > 1_500_000
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(PATIENCE)
        slow.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
        ports = slow.getpeername()[1], slow.getsockname()[1]
        with suppress(ConnectionError):
            slow.sendall(large * answers)
        eventually(lambda: not is_held(*ports), within=PATIENCE, every=0.1)
        assert received(slow) < size * answers
    assert server.post(asks()).status_code == 200


def is_held(server: int, client: int) -> bool:
    """Whether a server's end of a connection is open; source: proc(5), /proc/net/tcp."""
    ends = [f":{server:04X}", f":{client:04X}"]
    lines = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()]
    return any([local[-5:], remote[-5:], state] == [*ends, "01"] for local, remote, state in lines)


def received(connection: socket.socket) -> int:
    """The bytes that come until a connection ends."""
    size = 0
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            size += len(part)
    return size


def test_what_was_refused_is_counted(server: Serving) -> None:
    """`serving_refused_total` of /metrics says how often a limit was reached."""
    answer(server, FRAMING["a body of a terabyte"][0])
    counted = requests.get(f"{server.url}/metrics", timeout=PATIENCE).text
    assert 'serving_refused_total{model="model",status="413",version="0"}' in counted
