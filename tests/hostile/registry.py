"""A registry that misbehaves: a server in a thread, sound but for what is said of it."""

from __future__ import annotations

import gzip
import http.server
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
READS = ("GET", "HEAD")
SEARCHES = ("runs/search",)  # MLflow posts these
MLMODEL = "flavors:\n  python_function: {loader_module: mlflow.sklearn}\nmodel_uuid: m-1\n"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request, and the way to answer it."""

    handler: http.server.BaseHTTPRequestHandler
    method: str
    target: str
    server: Hostile

    @property
    def path(self) -> str:
        """Without the query, and without the prefix of MLflow's API."""
        return urlsplit(self.target).path.removeprefix(API)

    def query(self, name: str) -> str:
        """A value of the query."""
        return parse_qs(urlsplit(self.target).query).get(name, [""])[0]

    def send(self, body: object, status: int = 200, **headers: str) -> None:
        """Answer; what is no bytes is sent as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Content-Type": "application/json", "Content-Length": str(len(raw))} | named
        self.handler.send_response(status)
        for name, value in sent.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(raw)

    def raw(self, *parts: bytes) -> None:
        """Send bytes as they are, then hang up."""
        for part in parts:
            self.handler.wfile.write(part)
        self.handler.close_connection = True

    def drip(self, begin: bytes, part: bytes = b" ", every: float = 0.05) -> None:
        """Send a little now and then, for as long as anybody waits."""
        self.handler.wfile.write(begin)
        while self.server.running:
            self.handler.wfile.write(part)
            time.sleep(every)

    def flood(self, begin: bytes, part: bytes) -> None:
        """Send as much as anybody takes."""
        self.handler.wfile.write(begin)
        while self.server.running:
            self.handler.wfile.write(part)


@dataclass(kw_only=True)
class Hostile:
    """The server.

    Attributes:
        answer: what it does with a request.
        asked: method, target and headers of each request.
    """

    answer: Callable[[Asked], object]
    url: str = ""
    running: bool = True
    asked: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The requests that are to change something."""
        return [
            (method, target)
            for method, target, _ in self.asked
            if method not in READS and not target.endswith(SEARCHES)
        ]


@contextmanager
def hostile(answer: Callable[[Asked], object]) -> Iterator[Hostile]:
    """Run one on a free port."""
    state = Hostile(answer=answer)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            state.asked.append((self.command, self.path, dict(self.headers.items())))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made = Asked(handler=self, method=self.command, target=self.path, server=state)
            state.answer(made)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Keep quiet: a client that has stopped waiting is no error."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        state.running = False
        server.shutdown()
        server.server_close()
        thread.join()


def model(**fields: Any) -> dict[str, Any]:
    """The model that a sound registry has, with other fields."""
    latest = [{"current_stage": "Production", "version": "1", "name": "wind"}]
    aliases = [{"alias": "production", "version": "1"}]
    return {"name": "wind", "aliases": aliases, "latest_versions": latest, "tags": []} | fields


def version(number: object = "1", **fields: Any) -> dict[str, Any]:
    """A version that a sound registry has, with other fields."""
    stage = "Production" if number == "1" else "None"
    return {"name": "wind", "version": number, "status": "READY", "current_stage": stage} | fields


def gone(asked: Asked) -> None:
    """Say that it is not there."""
    asked.send({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"}, 404)


def sound(asked: Asked) -> None:
    """Answer as MLflow does: the model `wind` with versions 1, in Production, and 2."""
    found = _found(asked)
    if found is None:
        gone(asked)
    else:
        asked.send(found)


def _found(asked: Asked) -> object:
    match asked.path:
        case "/version":
            return b"3.17.2"
        case "registered-models/search":
            return {} if asked.query("filter") else {"registered_models": [model()]}
        case "model-versions/search":
            listed = [version("1"), version("2")]
            return {} if "tags" in asked.query("filter") else {"model_versions": listed}
        case "registered-models/get" if asked.query("name") == "wind":
            return {"registered_model": model()}
        case "model-versions/get" if asked.query("version") in ("1", "2"):
            return {"model_version": version(asked.query("version"))}
        case "model-versions/get-download-uri":
            return {"artifact_uri": "mlflow-artifacts:/m"}
        case path if path == FILES:
            return {"files": [{"path": "MLmodel", "is_dir": False, "file_size": len(MLMODEL)}]}
        case path if path == f"{FILES}/m/MLmodel":
            return MLMODEL.encode()
    return None


def on(*paths: str, answer: Callable[[Asked], object]) -> Callable[[Asked], object]:
    """Sound, but for these paths."""
    return lambda asked: answer(asked) if asked.path in paths else sound(asked)


def always(body: object, status: int = 200, **headers: str) -> Callable[[Asked], object]:
    """The same answer to everything."""
    return lambda asked: asked.send(body, status, **headers)


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_BODY = _HEAD + b"\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_LONG = b"Content-Length: 1000000000\r\n\r\n"
_MIB = b"1" * 2**20


_BOMB = gzip.compress(b" " * 80 * 2**20, 1)  # more than an answer may have


def _models(*listed: object, **fields: object) -> Callable[[Asked], object]:
    body = {"registered_models": list(listed), **fields}
    return on("registered-models/search", answer=always(body))


def _versions(*listed: object, **fields: object) -> Callable[[Asked], object]:
    body = {"model_versions": list(listed), **fields}
    return on("model-versions/search", answer=always(body))


def _alias(number: object) -> Callable[[Asked], object]:
    return _models(model(aliases=[{"alias": "production", "version": number}]))


def _stamped(text: object) -> Callable[[Asked], object]:
    return _versions(version(tags=[{"key": "mlgitops.stages", "value": text}]))


def _new_token(*rows: object) -> Callable[[Asked], object]:
    def answer(asked: Asked) -> None:
        token = str(int(asked.query("page_token") or 0) + 1)
        asked.send({"registered_models": list(rows), "next_page_token": token})

    return on("registered-models/search", answer=answer)


def _hang(asked: Asked) -> None:
    while asked.server.running:
        time.sleep(0.01)


def _hang_up(asked: Asked) -> None:
    asked.handler.close_connection = True


_LONE = "\\ud800"
_DEEP = b'{"registered_models":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
# the whole answer, whatever was asked
ANSWERS: Mapping[str, Callable[[Asked], object]] = {
    "empty 200": always(b""),
    "empty 204": lambda asked: asked.raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "{} to everything": always({}),
    "null": always(None),
    "a list": always([]),
    "a number": always(7),
    "text": always("registered_models"),
    "true": always(True),
    "html": always(b"<!doctype html><title>Sign in</title>", Content_Type="text/html"),
    "half of a document": always(b'{"registered_models": [{"na'),
    "nested 100,000 deep": always(_DEEP),
    "a number of 5,000 digits": always(b'{"registered_models": ' + b"9" * 5000 + b"}"),
    "half of a surrogate pair": always(b'{"registered_models": [{"name": "\\ud800"}]}'),
    "bytes that are no text": always(b"\xff\xfe\x00{}\x80"),
    "gzip that is none": always(b"{}", Content_Encoding="gzip"),
    "a bomb": always(_BOMB, Content_Encoding="gzip"),
    "a bomb in a bomb": always(gzip.compress(_BOMB, 1), Content_Encoding="gzip, gzip"),
    "a body of 1 GB": lambda asked: asked.flood(
        _HEAD + b"Content-Length: 1000000000\r\n\r\n", _MIB
    ),
    "a body without an end": lambda asked: asked.flood(_BODY, _MIB),
    "a byte now and then": lambda asked: asked.drip(_BODY),
    "a chunk now and then": lambda asked: asked.drip(_CHUNKED, b"1\r\n \r\n"),
    "a chunk's size that never ends": lambda asked: asked.drip(_CHUNKED, b"0"),
    "a header that never ends": lambda asked: asked.drip(_HEAD + b"X-Long: ", b"x"),
    "headers without an end": lambda asked: asked.flood(_HEAD, b"X-Many: x\r\n" * 1000),
    "100 Continue again and again": lambda asked: asked.drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "no answer": _hang,
    "hangs up": _hang_up,
    "hangs up in the middle": lambda asked: asked.raw(_HEAD + b"Content-Length: 99\r\n\r\n{"),
    "no HTTP": lambda asked: asked.raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "a status that is none": lambda asked: asked.raw(b"HTTP/1.1 abc OK\r\n\r\n{}"),
    "status 999": lambda asked: asked.raw(b"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\n{}"),
    "a redirect to itself": lambda asked: asked.send(b"", 302, Location=asked.target),
    "a redirect to a file": lambda asked: asked.send(b"", 302, Location="file:///etc/passwd"),
    "a redirect to nowhere": lambda asked: asked.send(b"", 302, Location="http://[::1"),
    "401": always({"message": "who?"}, 401),
    "403": always({"message": "you?"}, 403),
    "404": always(b"<h1>no</h1>", 404),
    "407": always(b"proxy", 407),
    "429 for an hour": always(b"later", 429, Retry_After="3600"),
    "500": always(b"oh", 500),
    "503 for an hour": always(b"later", 503, Retry_After="3600"),
    "an error code that is a list": always({"error_code": [], "message": {"a": 1}}, 400),
    "a message of 5 MB": always({"error_code": "BAD", "message": "x" * 5_000_000}, 400),
    "a message with colours": always({"error_code": "B", "message": "\x1b[31m::error::no\n"}, 400),
}
# one field of what is sound otherwise
FIELDS: Mapping[str, Callable[[Asked], object]] = {
    "models null": on("registered-models/search", answer=always({"registered_models": None})),
    "models a mapping": on(
        "registered-models/search", answer=always({"registered_models": {"a": 1}})
    ),
    "models text": on("registered-models/search", answer=always({"registered_models": "wind"})),
    "a model null": _models(None),
    "a model text": _models("wind"),
    "a name null": _models(model(name=None)),
    "a name a number": _models(model(name=7)),
    "a name a list": _models(model(name=["wind"])),
    "no name": _models({"aliases": []}),
    "a name of half a pair": on(
        "registered-models/search",
        answer=always(b'{"registered_models": [{"name": "' + _LONE.encode() + b'"}]}'),
    ),
    "aliases null": _models(model(aliases=None)),
    "aliases a mapping": _models(model(aliases={"production": "1"})),
    "an alias a number": _models(model(aliases=[{"alias": 7, "version": "1"}])),
    "an alias without version": _models(model(aliases=[{"alias": "production"}])),
    "version 1.5": _alias("1.5"),
    "version of a wide digit": _alias("\uff11"),
    "version 1_0": _alias("1_0"),
    "version ' 1'": _alias(" 1"),
    "version -1": _alias("-1"),
    "version 0": _alias("0"),
    "version true": _alias(True),
    "version a float": _alias(1.0),
    "version null": _alias(None),
    "version of 5,000 digits": _alias("9" * 5000),
    "latest versions text": _models(model(latest_versions="1")),
    "a stage a number": _models(model(latest_versions=[{"current_stage": 1, "version": "1"}])),
    "tags null": _models(model(tags=None)),
    "a tag's value a number": _models(model(tags=[{"key": "a", "value": 1}])),
    "a tag's key a list": _models(model(tags=[{"key": [], "value": "1"}])),
    "a token a mapping": _models(model(), next_page_token={"a": 1}),
    "the same token for ever": _models(model(), next_page_token="again"),
    "new tokens for ever": _new_token(model()),
    "new tokens and nothing for ever": _new_token(),
    "versions a number": on("model-versions/search", answer=always({"model_versions": 1})),
    "a version's status a list": _versions(version(status=[])),
    "a version's time of 400 digits": _versions(version(creation_timestamp=10**400)),
    "a version's time in a million years": _versions(version(creation_timestamp=10**17)),
    "a version's run a number": _versions(version(run_id=5)),
    "a stamp of half a pair": _stamped('{"production": {"actor": "' + _LONE + '"}}'),
    "a stamp 100,000 deep": _stamped("[" * 100_000),
    "a stamp of 5,000 digits": _stamped('{"production": ' + "9" * 5000 + "}"),
    "a stamp null": _stamped(None),
    "the model twice": _models(model(), model()),
    "another model too": _models(model(), model(name="\x1b[31m::error::x", aliases=[])),
}
