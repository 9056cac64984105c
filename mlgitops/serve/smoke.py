"""The smoke test: what serves must answer, agree with the model itself, and survive nonsense."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mlgitops.errors import HttpError, ServeError
from mlgitops.serve import payloads
from mlgitops.system.http import HttpClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow.pyfunc import PyFuncModel

    from mlgitops.serve.payloads import Payload

# CSV and JSON carry numbers as decimal text, whose last digit may be rounded
TOLERANCE = 1e-6


class ProbeResult(StrEnum):
    """What a check found."""

    PASSED = "passed"
    WARNED = "warned"  # a fault of MLflow's own server that is known and does no harm
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """One request and what came of it; `milliseconds` is the time to the answer."""

    request: str
    expected: str
    actual: str
    outcome: ProbeResult
    milliseconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All checks of one server."""

    url: str
    model_uri: str
    checks: tuple[Probe, ...]

    @property
    def failed(self) -> tuple[Probe, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.outcome is ProbeResult.FAILED)

    @property
    def summary(self) -> str:
        """The result in one line."""
        counts = [check.outcome for check in self.checks]
        parts = [f"{counts.count(o)} {o.value}" for o in ProbeResult if counts.count(o)]
        return f"{self.model_uri} at {self.url}: {', '.join(parts)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """A response and the time to it."""

    status: int
    text: str
    milliseconds: float

    @property
    def document(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.status} {' '.join(self.text.split())[:60]}".strip()


def smoke(
    url: str,
    model_uri: str,
    *,
    timeout: float = 30.0,
    strict: bool = False,
    headers: Mapping[str, str] | None = None,
    fingerprint: str | None = None,
) -> Report:
    """Test the server at `url`, which should serve `model_uri`.

    Args:
        url: the server's address, without a path.
        model_uri: the model to compare answers with; loaded into this process.
        timeout: seconds for one request.
        strict: ask for what mlgitops' own images promise: the faults that are known of MLflow's
            server fail, and a bare list of records is answered.
        headers: sent with every request.
        fingerprint: of the certificate that the server has; see `HttpClient`.

    Raises:
        ServeError: nothing answers at the address, or the model gives nothing to ask with.
    """
    import mlflow

    client = _Client(url.rstrip("/"), timeout, headers or {}, fingerprint)
    client.reach()
    # a warning would compare its requirements, and follow what they include, wherever that leads
    model = mlflow.pyfunc.load_model(model_uri, suppress_warnings=True)
    checks = tuple(_checks(client, model, strict=strict))
    return Report(url=url, model_uri=model_uri, checks=checks)


def predict(url: str, records: list[dict[str, Any]], *, timeout: float = 30.0) -> list[Any]:
    """Ask a server for the predictions of some records.

    Raises:
        ServeError: it does not answer with predictions.
    """
    body = json.dumps({"dataframe_records": records}).encode()
    answer = _Client(url, timeout, {}).send(payloads.Payload(name="records", body=body))
    found = answer.document
    if answer.status != 200 or not isinstance(found, dict):
        raise ServeError(f"{url}/invocations answered {answer}")
    predictions: list[Any] = found["predictions"]
    return predictions


class _Client:
    """Sends payloads; a server that hangs up or is too slow is an answer with status 0."""

    def __init__(
        self, url: str, timeout: float, headers: Mapping[str, str], fingerprint: str | None = None
    ) -> None:
        self._url, self._timeout, self._headers = url, timeout, headers
        self._fingerprint = fingerprint

    def reach(self) -> None:
        try:
            self._client().request("GET", f"{self._url}/ping")
        except HttpError as error:
            raise ServeError(
                f"no server answers at {self._url} ({error.reason}); start one with "
                "`mlgitops serve`"
            ) from error

    def _client(self) -> HttpClient:
        # a connection for each request: what one does to its connection is no fault of the next
        return HttpClient(
            timeout=self._timeout, headers=self._headers, fingerprint=self._fingerprint
        )

    def get(self, path: str) -> _Answer:
        return self._send("GET", path, b"", {})

    def send(self, payload: Payload) -> _Answer:
        headers = {"Content-Type": payload.content_type} if payload.content_type else {}
        return self._send(payload.method, "/invocations", payload.body, headers)

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> _Answer:
        begun = time.perf_counter()
        try:
            answer = self._client().request(method, self._url + path, body=body, headers=headers)
            status, text = answer.status, answer.text
        except HttpError as error:
            status, text = 0, error.reason
        return _Answer(status=status, text=text, milliseconds=(time.perf_counter() - begun) * 1000)


def _checks(client: _Client, model: PyFuncModel, *, strict: bool) -> Iterator[Probe]:
    import mlflow

    for path in ("/ping", "/health"):
        answer = client.get(path)
        yield _check(f"GET {path}", "200", answer, answer.status == 200)
    answer = client.get("/version")
    expected = f"200 {mlflow.__version__}"
    right = (answer.status, answer.text.strip()) == (200, mlflow.__version__)
    yield _check("GET /version", expected, answer, right)

    example = payloads.example_of(model)
    truth = _predictions(model, example)
    asked = list(payloads.good(example))
    for payload in asked:
        yield _good(client, payload, truth)
    for payload in payloads.bare(example) if strict else ():
        yield _good(client, payload, truth)
    for payload in payloads.malformed(example, model.metadata.signature):
        yield _malformed(client, payload, strict=strict)
    for payload in payloads.hostile(example) if strict else ():
        yield _hostile(client, payload)
    answer = client.get("/ping")
    yield _check("GET /ping, at the end", "200", answer, answer.status == 200)
    yield _good(client, asked[0], truth, ", at the end")


def _predictions(model: PyFuncModel, example: Any) -> Any:
    """What the model itself says, as the server would write it."""
    import io

    from mlflow.pyfunc.scoring_server import predictions_to_json

    out = io.StringIO()
    predictions_to_json(model.predict(example), out)
    return json.loads(out.getvalue())["predictions"]


def _good(client: _Client, payload: Payload, truth: Any, remark: str = "") -> Probe:
    answer = client.send(payload)
    found = answer.document
    given = found.get("predictions") if isinstance(found, dict) else None
    right = answer.status == 200 and same(given, truth)
    return _check(f"POST {payload.name}{remark}", "200, the model's own predictions", answer, right)


def _malformed(client: _Client, payload: Payload, *, strict: bool) -> Probe:
    answer = client.send(payload)
    refused = 400 <= answer.status < 500 and isinstance(answer.document, dict)
    check = _check(f"{payload.method} {payload.name}", "4xx with a JSON error", answer, refused)
    if refused or strict or answer.status != payload.known:
        return check
    return Probe(
        request=check.request,
        expected=check.expected,
        actual=f"{check.actual} (a known fault of MLflow's server)",
        outcome=ProbeResult.WARNED,
        milliseconds=check.milliseconds,
    )


def _hostile(client: _Client, payload: Payload) -> Probe:
    answer = client.send(payload)
    survived = answer.status == 200 or 400 <= answer.status < 500
    tidy = survived and isinstance(answer.document, dict) and "Traceback" not in answer.text
    return _check(
        f"{payload.method} {payload.name}", "200 or 4xx, JSON, no traceback", answer, tidy
    )


def _check(request: str, expected: str, answer: _Answer, right: bool) -> Probe:
    return Probe(
        request=request,
        expected=expected,
        actual=str(answer.status) if right and answer.status >= 400 else str(answer),
        outcome=ProbeResult.PASSED if right else ProbeResult.FAILED,
        milliseconds=answer.milliseconds,
    )


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, numbers within `TOLERANCE` of each other.

    >>> same([1.0, {"a": "x"}], [1.0000000001, {"a": "x"}]), same([1], [1, 2]), same(1, "1")
    (True, False, False)
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        close = math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-12)
        return close or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)
