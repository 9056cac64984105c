"""The HTTP client, against real servers that drip, flood, redirect, hang up or are not there."""

from __future__ import annotations

import gzip
import hashlib
import socket
import ssl
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest
from urllib3.util import Retry

from mlgitops.errors import (
    HttpCertificateError,
    HttpConnectionError,
    HttpError,
    HttpRedirectError,
    HttpTimeoutError,
    HttpTooLargeError,
)
from mlgitops.system import http
from mlgitops.system.http import HttpClient
from mlgitops.system.ports import free_port
from tests.registry import certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SOON = 0.3  # seconds; the deadline of calls that are to miss it
LATE = 30.0  # seconds; far above what a busy machine needs, and below a drip's end
MIB = 2**20


class Server(ThreadingHTTPServer):
    """A server that a test tells how to answer; it keeps what it was asked.

    Attributes:
        left: set as soon as a dripping answer finds its client gone.
    """

    daemon_threads = True

    def __init__(self, answer: Callable[[Handler], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.left = answer, Event()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.clients: set[tuple[str, int]] = set()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def drip(self, handler: Handler, part: bytes) -> None:
        """Send a part again and again, for longer than a test may take."""
        try:
            for _ in range(3000):
                handler.wfile.write(part)
                time.sleep(0.02)
        except OSError:
            self.left.set()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        """Count the connection."""
        super().setup()
        self.server.clients.add(self.client_address)

    def respond(self) -> None:
        """Keep the request and answer as the test says."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((f"{self.command} {self.path}", dict(self.headers)))
        self.server.answer(self)

    do_GET = do_POST = respond  # noqa: N815

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def serving(answer: Callable[[Handler], None]) -> Iterator[Server]:
    """Run a server until the block ends."""
    with Server(answer) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_connections_are_kept() -> None:
    """Calls after the first use its connection, with the client's headers and login each time."""
    client = HttpClient(headers={"X-Farm": "wind"}, login=("ada", "s3cret"))
    with serving(lambda handler: handler.send(200, b'{"a": 1}', X_Served_By="b")) as server:
        for _ in range(3):
            answer = client.request("GET", f"{server.url}/models", query={"page": 2})
            assert (answer.ok, answer.json(), answer.headers["x-served-by"]) == (
                True,
                {"a": 1},
                "b",
            )
        assert len(server.clients) == 1
        assert {request for request, _ in server.asked} == {"GET /models?page=2"}
        assert all(h["X-Farm"] == "wind" for _, h in server.asked)
        assert all(h["Authorization"].startswith("Basic ") for _, h in server.asked)


def test_a_status_is_an_answer() -> None:
    """An error of the server's is not one of the call; its body is there."""
    with serving(lambda handler: handler.send(503, "später".encode())) as server:
        answer = HttpClient().request("POST", server.url, json={"a": 1})
    assert (answer.ok, answer.status, answer.text) == (False, 503, "später")


def _body(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(MIB))
    handler.end_headers()
    handler.server.drip(handler, b"x")


def _chunks(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.server.drip(handler, b"1\r\nx\r\n")


def _silence(handler: Handler) -> None:
    time.sleep(2 * SOON)
    handler.send(200)


@pytest.mark.parametrize("answer", [_body, _chunks, _silence])
def test_the_deadline_is_over_the_whole_call(answer: Callable[[Handler], None]) -> None:
    """A body that drips in without an end is cut off at the deadline, as silence is."""
    with serving(answer) as server:
        begun = time.monotonic()
        with pytest.raises(HttpTimeoutError, match=r"GET http://127.*: no answer within 0.3 s"):
            HttpClient(timeout=SOON).request("GET", server.url)
        assert time.monotonic() - begun >= SOON
        assert answer is _silence or server.left.wait(LATE), "the connection is still open"


def test_headers_that_drip_in() -> None:
    """The deadline holds before the body begins as well."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        handler.server.drip(handler, b"x")

    with serving(answer) as server, pytest.raises(HttpTimeoutError):
        HttpClient(timeout=SOON).request("GET", server.url)


def test_a_call_that_was_late_does_not_harm_the_next() -> None:
    """The client goes on with another connection."""
    slow = iter([True])

    def answer(handler: Handler) -> None:
        if next(slow, False):
            _body(handler)
        else:
            handler.send(200, b"here")

    client = HttpClient(timeout=SOON)
    with serving(answer) as server:
        with pytest.raises(HttpTimeoutError):
            client.request("GET", server.url)
        assert server.left.wait(LATE)
        assert HttpClient().request("GET", server.url).text == "here"


@pytest.mark.parametrize(
    "body",
    [b"x" * (MIB + 1), gzip.compress(b"\0" * 2 * MIB)],
    ids=["plain", "gzip"],  # gzip holds the time: workers would disagree on the name
)
def test_a_body_that_is_too_large(body: bytes) -> None:
    """It is refused once the limit is passed, also where it is small before decompression."""
    encoding = {"Content_Encoding": "gzip"} if body.startswith(b"\x1f\x8b") else {}
    with (
        serving(lambda handler: handler.send(200, body, **encoding)) as server,
        pytest.raises(HttpTooLargeError, match="larger than 1 MiB"),
    ):
        HttpClient(limit=MIB).request("GET", server.url)


def test_a_redirect_within_the_host() -> None:
    """It is followed, with the headers of the request and without its query."""

    def answer(handler: Handler) -> None:
        if handler.path.startswith("/old"):
            handler.send(301, Location="/new")
        else:
            handler.send(200, b"new")

    with serving(answer) as server:
        got = HttpClient(headers={"X-Farm": "wind"}).request(
            "GET", f"{server.url}/old", query={"page": 1}, headers={"X-Mine": "1"}
        )
        assert got.text == "new"
        request, headers = server.asked[-1]
    assert (request, headers["X-Farm"], headers["X-Mine"]) == ("GET /new", "wind", "1")


def test_a_redirect_to_another_host() -> None:
    """It is refused, and the other host is never asked; its address is told without a token."""
    with (
        serving(lambda handler: handler.send(200, b"elsewhere")) as other,
        serving(lambda h: h.send(302, Location=f"{other.url}/s3cret?token=s3cret")) as server,
    ):
        with pytest.raises(HttpRedirectError, match=f"another host, {other.url}/; ") as caught:
            HttpClient().request("GET", server.url)
        assert "s3cret" not in str(caught.value)
        assert other.asked == []


def test_a_redirect_to_another_host_that_is_asked_for() -> None:
    """It is followed; neither headers nor login leave with it."""
    with (
        serving(lambda handler: handler.send(200, b"elsewhere")) as other,
        serving(lambda h: h.send(302, Location=f"{other.url}/in?signed=1")) as server,
    ):
        client = HttpClient(elsewhere=True, headers={"X-Token": "a"}, login=("ada", "s3cret"))
        got = client.request("GET", server.url, headers={"X-Token-Too": "b"})
        assert got.text == "elsewhere"
        ((request, headers),) = other.asked
    assert request == "GET /in?signed=1"
    assert not {"X-Token", "X-Token-Too", "Authorization"} & headers.keys()


def test_a_redirect_of_what_writes() -> None:
    """A POST is not turned into a GET: the error tells where to ask instead."""
    with (
        serving(lambda handler: handler.send(301, Location="/new")) as server,
        pytest.raises(HttpRedirectError, match=r"redirected to http.*/; ask there"),
    ):
        HttpClient().request("POST", server.url, json={})
    assert len(server.asked) == 1


def test_redirects_in_a_circle() -> None:
    """There is an end to them."""
    with (
        serving(lambda handler: handler.send(302, Location="/")) as server,
        pytest.raises(HttpRedirectError, match="more than 5 redirects"),
    ):
        HttpClient().request("GET", server.url)


def _gone(_: Handler) -> None:
    """Hang up without an answer."""


def _cut(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"x")
    handler.close_connection = True


@pytest.mark.parametrize("answer", [_gone, _cut])
def test_a_server_that_hangs_up(answer: Callable[[Handler], None]) -> None:
    """Half an answer is none."""

    def hang_up(handler: Handler) -> None:
        answer(handler)
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)

    with serving(hang_up) as server, pytest.raises(HttpConnectionError, match="broke"):
        HttpClient().request("GET", server.url)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.1:PORT", "Connection refused"),
        ("nowhere.invalid", "known|resolution"),
        ("[::1", "not a valid URL"),
    ],
)
def test_no_connection(host: str, reason: str) -> None:
    """One error with the system's reason; a login, a query and a token are in no part of it."""
    url = f"http://ada:s3cret@{host.replace('PORT', str(free_port()))}/p"
    with pytest.raises(HttpError, match=reason) as caught:
        HttpClient().request("GET", url, query={"token": "t0ken"})
    assert isinstance(caught.value, HttpConnectionError)
    assert "s3cret" not in str(caught.value)
    assert "t0ken" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_address_that_is_a_secret() -> None:
    """A request with a name is called by it."""
    url = f"http://127.0.0.1:{free_port()}/s3cret"
    with pytest.raises(HttpConnectionError, match=r"^the webhook: Connection refused$"):
        HttpClient().request("POST", url, name="the webhook")


def test_calls_that_may_be_repeated() -> None:
    """A status that the caller names is tried again, within the one deadline."""
    statuses = iter([503, 503, 200])
    retry = Retry(total=3, status_forcelist=(503,), backoff_factor=0.01)
    with serving(lambda handler: handler.send(next(statuses))) as server:
        assert HttpClient(retry=retry).request("GET", server.url).status == 200
    endless = Retry(total=1000, status_forcelist=(503,), backoff_factor=0.1)
    with serving(lambda handler: handler.send(503)) as server, pytest.raises(HttpTimeoutError):
        HttpClient(retry=endless, timeout=SOON).request("GET", server.url)


def test_pages() -> None:
    """The next page is where the Link header says."""
    link = '<http://farm.example/?page=3>; rel="next", <http://farm.example/?page=1>; rel="prev"'
    with serving(lambda handler: handler.send(200, Link=link)) as server:
        assert HttpClient().request("GET", server.url).next_page == "http://farm.example/?page=3"
    with serving(lambda handler: handler.send(200)) as server:
        assert HttpClient().request("GET", server.url).next_page is None


def test_whether_something_answers() -> None:
    """A probe is true for success alone, and raises nothing."""
    with serving(lambda handler: handler.send(200)) as server:
        assert http.is_up(server.url)
    with serving(lambda handler: handler.send(503)) as server:
        assert not http.is_up(server.url)
    assert not http.is_up(f"http://127.0.0.1:{free_port()}")


def test_a_certificate_that_is_known(tmp_path: Path) -> None:
    """It is trusted whatever its name and issuer are, and no other one is."""
    made = certificates.make(tmp_path)
    with serving(lambda handler: handler.send(200)) as server:
        server.socket = made.context().wrap_socket(server.socket, server_side=True)
        url = server.url.replace("http:", "https:").replace("127.0.0.1", "localhost")
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(_certificate(made.server))).hexdigest()
        assert HttpClient(fingerprint=digest).request("GET", url).ok
        for client in (HttpClient(), HttpClient(fingerprint="0" * 64)):
            with pytest.raises(HttpCertificateError):
                client.request("GET", url)


def _certificate(path: Path) -> str:
    text = path.read_text()
    return text[text.index("-----BEGIN CERTIFICATE") :]
