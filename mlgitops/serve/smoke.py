"""The smoke test: what serves must answer, agree with the model itself, and survive nonsense."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mlgitops.errors import HttpError, ServeError
from mlgitops.serve import payloads
from mlgitops.serve.examples import example_in
from mlgitops.serve.truth import alike
from mlgitops.system.http import HttpClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlgitops.serve.examples import Example
    from mlgitops.serve.payloads import Payload
    from mlgitops.serve.truth import Ask, Verdict

_OWN = "200, the model's own predictions"
_VERSION = re.compile(r"\d+(\.\w+)+")


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
    """All checks of one server.

    Attributes:
        answered: a request in JSON that its model answers; None if it answers none.
    """

    url: str
    model_uri: str
    checks: tuple[Probe, ...]
    answered: bytes | None = None

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
        except (ValueError, RecursionError):
            return None

    def __str__(self) -> str:
        return f"{self.status} {' '.join(self.text.split())[:60]}".strip()


def smoke(
    url: str,
    folder: Path,
    ask: Ask,
    *,
    timeout: float = 30.0,
    strict: bool = False,
    headers: Mapping[str, str] | None = None,
    fingerprint: str | None = None,
) -> Report:
    """Test the server at `url`, which should serve the model in a folder.

    Args:
        url: the server's address, without a path.
        folder: the model; nothing of it is run here.
        ask: what asks the model itself, where its packages are.
        timeout: seconds for one request.
        strict: ask for what mlgitops' own images promise: the faults that are known of MLflow's
            server fail, and a bare list of records is answered.
        headers: sent with every request.
        fingerprint: of the certificate that the server has; see `HttpClient`.

    Raises:
        ServeError: nothing answers at the address, the model gives nothing to ask with, or it
            cannot be asked itself.
    """
    client = _Client(url.rstrip("/"), timeout, headers or {}, fingerprint)
    client.reach()
    example = example_in(folder)
    good, unfit = tuple(payloads.good(example)), tuple(payloads.unfit(example))
    truth = ask([*good, *unfit])
    verdicts = dict(zip([*good, *unfit], truth.verdicts, strict=True))
    taken = [one for one in good if verdicts[one].status == 200]
    checks = [*_endpoints(client, truth.mlflow if strict else None)]
    checks += [_one(client, payload, verdicts[payload], strict=strict) for payload in good]
    if not taken:
        checks.append(_nothing(verdicts[good[0]]))
    elif truth.example is not None:
        checks.append(_example(truth.example, [verdicts[one] for one in taken]))
    as_records = next((verdicts[one] for one in taken if one.name == payloads.RECORDS), None)
    if strict and as_records:
        checks += [_good(client, one, as_records) for one in payloads.bare(example)]
    checks += [_malformed(client, payload, strict=strict) for payload in payloads.malformed()]
    checks += [_unfit(client, payload, verdicts[payload], strict=strict) for payload in unfit]
    if strict:
        checks += [_hostile(client, payload) for payload in payloads.hostile(example)]
        checks += _largest(client, example, timeout)
    answer = client.get("/ping")
    checks.append(_check("GET /ping, at the end", "200", answer, answer.status == 200))
    if taken:
        checks.append(_good(client, taken[0], verdicts[taken[0]], ", at the end"))
    body = next((one.body for one in taken if one.content_type == payloads.JSON), None)
    return Report(url=url, model_uri=str(folder), checks=tuple(checks), answered=body)


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


def _endpoints(client: _Client, version: str | None) -> Iterator[Probe]:
    """Where no version of MLflow is known, any will do."""
    for path in ("/ping", "/health"):
        answer = client.get(path)
        yield _check(f"GET {path}", "200", answer, answer.status == 200)
    answer = client.get("/version")
    said = answer.text.strip()
    right = said == version if version else _VERSION.fullmatch(said) is not None
    expected = f"200 {version or 'and a version'}"
    yield _check("GET /version", expected, answer, answer.status == 200 and right)


def _one(client: _Client, payload: Payload, verdict: Verdict, *, strict: bool) -> Probe:
    """A format that MLflow may refuse for a model; then a server may answer it as it will."""
    if verdict.status == 200:
        return _good(client, payload, verdict)
    answer = client.send(payload)
    tidy = answer.status > 0 and (answer.document is not None or not strict)
    expected = "any answer: MLflow refuses this format for the model"
    return _check(f"POST {payload.name}", expected, answer, tidy)


def _good(client: _Client, payload: Payload, verdict: Verdict, remark: str = "") -> Probe:
    answer = client.send(payload)
    right = answer.status == 200 and alike(answer.document, verdict.answer, verdict.again)
    return _check(f"POST {payload.name}{remark}", _OWN, answer, right)


def _nothing(verdict: Verdict) -> Probe:
    return Probe(
        request="the model itself",
        expected="an answer to one of the requests",
        actual=verdict.why,
        outcome=ProbeResult.FAILED,
        milliseconds=0.0,
    )


def _example(example: Any, verdicts: list[Verdict]) -> Probe:
    """Whether `predict` says to the example what it says to a request of it."""
    right = any(alike(example, one.predictions, one.predictions_again) for one in verdicts)
    # JSON has one word for what is missing, and a model may tell None from NaN
    return Probe(
        request="predict(input example)",
        expected="the answer to a request of it",
        actual="the same" if right else "another one: MLflow reads the request otherwise",
        outcome=ProbeResult.PASSED if right else ProbeResult.WARNED,
        milliseconds=0.0,
    )


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


def _unfit(client: _Client, payload: Payload, verdict: Verdict, *, strict: bool) -> Probe:
    """A request that the signature refuses, or the model, or neither: it need not mind."""
    if verdict.status == 200:
        return _good(client, payload, verdict)
    if verdict.by_model and strict:
        return _hostile(client, payload)
    return _malformed(client, payload, strict=strict)


def _hostile(client: _Client, payload: Payload) -> Probe:
    answer = client.send(payload)
    found = answer.document if isinstance(answer.document, dict) else {}
    survived = answer.status == 200 or 400 <= answer.status < 500
    # the model may fail on such a request, if its server does not
    tidy = survived or (answer.status == 500 and found.get("error_code") == "MODEL_FAILED")
    tidy = tidy and bool(found) and "Traceback" not in answer.text
    return _check(
        f"{payload.method} {payload.name}",
        "200, 4xx or MODEL_FAILED, JSON, no traceback",
        answer,
        tidy,
    )


def _largest(client: _Client, example: Example, timeout: float) -> list[Probe]:
    """As many records at once as a model of its pace answers in time: 10 MB, unless it is slow."""
    check = None
    for payload in payloads.growing(example):
        check = _hostile(client, payload)
        # a third: with more rows each may take longer
        slow = check.milliseconds * payloads.STEP > timeout * 1000 / 3
        if slow or check.outcome is ProbeResult.FAILED:
            break
    return [check] if check else []


def _check(request: str, expected: str, answer: _Answer, right: bool) -> Probe:
    return Probe(
        request=request,
        expected=expected,
        actual=str(answer.status) if right and answer.status >= 400 else str(answer),
        outcome=ProbeResult.PASSED if right else ProbeResult.FAILED,
        milliseconds=answer.milliseconds,
    )
