"""Calls of MLflow's REST API: repeated where that is safe and useful, and told apart by failure.

Every call of ours may be repeated: reads change nothing, and writes say what is to be, not what is
to be done. The protocol: mlflow.org/docs/latest/rest-api.html.
"""

from __future__ import annotations

import re
from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from msgspec import ValidationError
from urllib3.util import Retry

from mlgitops.errors import (
    HttpCertificateError,
    HttpConnectionError,
    HttpError,
    HttpProxyError,
    HttpTimeoutError,
)
from mlgitops.errors.registry import RegistryNotFoundError, RegistryProtocolError
from mlgitops.registry import failures
from mlgitops.registry.answers.form import Form, read
from mlgitops.system.addresses import without_secrets
from mlgitops.system.http import Answer, HttpClient
from mlgitops.words import brief, count, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlgitops.errors.registry import RegistryError
    from mlgitops.registry.answers.form import T
    from mlgitops.registry.server import Server

Json = dict[str, Any]
_OLDEST = "2.0"  # of the API; most of it is there
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/"
_VERSION = re.compile(r"[\w.+-]{1,40}")
_TIMED_OUT, _LOST = "timed out", "lost their connection"
_PASSING = {status: f"answered {status}" for status in (429, 502, 503, 504)}
_SLOW = (_TIMED_OUT, _PASSING[504])
_LONGEST_WAIT = 60  # seconds
_NO_FILE = "No such artifact"  # what MLflow's server says
_FILE = 10.0  # seconds that a small file may take


class ServerInfo(Form, frozen=True):
    """What a server says of itself."""

    workspaces_enabled: bool = False


class Calls:
    """The calls to one server; several threads may share it.

    Attributes:
        workspace: the workspace that is meant; empty where none is named.
    """

    def __init__(self, server: Server) -> None:
        self._server, self._shown = server, without_secrets(server.url)
        self._http = _client(server, server.timeout)
        self._files: HttpClient | None = _client(server, min(server.timeout, _FILE))
        self._repeated: Counter[str] = Counter()
        self.workspace = server.workspace
        self._lock, self._unchecked = Lock(), bool(server.workspace)

    @property
    def repeated(self) -> str | None:
        """How often calls were repeated, and why; None if none was."""
        if not self._repeated:
            return None
        reasons = listed([f"{number} {why}" for why, number in self._repeated.most_common()])
        requests = count(self._repeated.total(), "request")
        return f"repeated {requests} to the registry: {reasons}"

    def get(
        self,
        path: str,
        query: Mapping[str, Any],
        form: type[T],
        *,
        pages: bool = False,
        api: str = _OLDEST,
    ) -> T:
        """Read; a page that takes too long is not asked for again as it is.

        Args:
            path: below that of the API.
            query: what is asked.
            form: that of the answer.
            pages: whether it asks for a page.
            api: the version of MLflow's API.

        Raises:
            RegistryError: the subclass says why there is no answer.
        """
        self._require_workspace()
        return self._called("GET", _path(path, api), {"query": query}, form, pages=pages)

    def text(self, path: str, query: Mapping[str, Any]) -> str | None:
        """The text of a file that the server sends beside its API; None if it sends none.

        Raises:
            RegistryGoneError: it says that there is no such file.
        """
        if self._files is None:
            return None
        try:
            answer = self._files.request("GET", f"{self._server.url}/{path}", query=query)
        except HttpError:
            self._files = None  # it may try for minutes to reach a store that only clients reach
            return None
        if answer.ok:
            return answer.text
        if answer.status == 404 and _NO_FILE in answer.text:  # under several error codes
            said = _said(_document(answer) or {})
            raise failures.rejected(self._shown, said, failures.GONE)
        return None

    def send(self, method: str, path: str, body: Json) -> None:
        """Write.

        Raises:
            RegistryError: the subclass says why there is no answer.
        """
        self.ask(method, path, body, Form)

    def ask(self, method: str, path: str, body: Json, form: type[T]) -> T:
        """Write what is answered in a form, or search by a long query.

        Raises:
            RegistryError: the subclass says why there is no answer.
        """
        self._require_workspace()
        return self._called(method, _path(path, _OLDEST), {"json": body}, form, pages=False)

    def store(self, path: str, content: bytes) -> None:
        """Store a file by the server's proxy of artifacts.

        Raises:
            RegistryError: the subclass says why there is no answer.
        """
        answer = self._answered("PUT", _ARTIFACTS + quote(path), {"body": content}, pages=False)
        if not (isinstance(answer, Answer) and answer.ok):  # what it says of success is nothing
            self._content(answer, Form)

    def listed(self, path: str) -> Answer | HttpError:
        """What the server says of a folder of artifacts, or why it says nothing."""
        return self._answered("GET", _ARTIFACTS.rstrip("/"), {"query": {"path": path}}, pages=False)

    def fetch(
        self, path: str, take: Callable[[bytes], object], restart: Callable[[], object]
    ) -> Answer | HttpError:
        """A file by the server's proxy of artifacts: handed on in parts, from `restart` on."""
        url = self._server.url + _ARTIFACTS + quote(path)

        def ask() -> Answer:
            restart()
            return self._http.download(url, take)

        return self._repeatedly(ask, "GET", url, pages=False)

    @property
    def version(self) -> str:
        """The version of MLflow that answers, asked for once; empty if it does not say."""
        answer = _tried(lambda: self._http.request("GET", f"{self._server.url}/version"))
        said = answer.text.strip() if isinstance(answer, Answer) and answer.ok else ""
        return said if _VERSION.fullmatch(said) else ""

    def _require_workspace(self) -> None:
        with self._lock:
            if self._unchecked:
                self._check_workspace()
                self._unchecked = False

    def _check_workspace(self) -> None:
        """A server of before workspaces would answer for all models, whatever is asked of it."""
        try:
            found = self._called("GET", _path("server-info", "3.0"), {}, ServerInfo, pages=False)
        except RegistryNotFoundError:
            found = ServerInfo()
        if not found.workspaces_enabled:
            raise failures.no_workspaces(self._shown, self._server.workspace)

    def _called(self, method: str, path: str, options: Any, form: type[T], *, pages: bool) -> T:
        return self._content(self._answered(method, path, options, pages=pages), form)

    def _answered(self, method: str, path: str, options: Any, *, pages: bool) -> Answer | HttpError:
        """The last answer, or why there is none."""
        url = self._server.url + path
        return self._repeatedly(
            lambda: self._http.request(method, url, **options), method, url, pages=pages
        )

    def _repeatedly(
        self, ask: Callable[[], Answer], method: str, url: str, *, pages: bool
    ) -> Answer | HttpError:
        retry = self._patience()
        while True:
            answer = _tried(ask)
            why = _passing(answer)
            if why is None or not retry.total or (pages and why in _SLOW):
                return answer
            retry = retry.increment(method, url)
            self._repeated[why] += 1  # a thread that comes between loses a count, no more
            retry.sleep(answer if isinstance(answer, Answer) else None)  # type: ignore[arg-type] # it reads headers alone

    def _patience(self) -> Retry:
        server = self._server
        return Retry(
            total=server.retries,
            backoff_factor=server.backoff,
            backoff_jitter=server.jitter,
            backoff_max=_LONGEST_WAIT,
            retry_after_max=_LONGEST_WAIT,
            respect_retry_after_header=server.obedient,
        )

    def _content(self, answer: Answer | HttpError, form: type[T]) -> T:
        """The document of an answer; one of another form is an error, and never empty.

        Raises:
            RegistryError: the subclass says what it means instead.
        """
        if isinstance(answer, HttpTimeoutError):
            raise failures.slow(self._shown) from answer
        if isinstance(answer, HttpCertificateError):
            raise failures.untrusted(self._shown, answer.reason) from answer
        if isinstance(answer, HttpProxyError):
            raise failures.behind_proxy(self._shown, answer.reason) from answer
        if isinstance(answer, HttpConnectionError):
            raise failures.unreachable(self._shown) from answer
        if isinstance(answer, HttpError):  # too large, or redirected
            raise RegistryProtocolError(
                f"the registry at {self._shown}: {answer.reason}"
            ) from answer
        if not answer.ok:
            raise self._refusal(answer, _document(answer) or {})
        try:
            return read(answer.body, form)
        except ValidationError as error:
            raise failures.foreign(
                self._shown, f"sent what MLflow does not send ({error})"
            ) from error
        except ValueError as error:
            raise failures.foreign(self._shown) from error

    def _refusal(self, answer: Answer, document: Json) -> RegistryError:
        status, code = answer.status, document.get("error_code")
        if failures.is_gone(code, _said(document)):
            return failures.rejected(self._shown, _said(document), code)
        if meant := failures.by_status(self._shown, status, answer.text):
            return meant
        if status == 404 and code in (None, failures.NO_ENDPOINT):
            return failures.no_registry(self._shown)
        if status == 504:
            return failures.slow(self._shown)
        if status >= 500:
            return failures.fault(self._shown)
        said = _said(document) or f"it answered {status}"
        return failures.rejected(self._shown, said, code)


def _path(path: str, api: str) -> str:
    return f"/api/{api}/mlflow/{path}"


def _client(server: Server, timeout: float) -> HttpClient:
    return HttpClient(
        timeout=timeout,
        headers=server.headers,
        verify=server.verify,
        certificate=server.certificate,
    )


def _tried(ask: Callable[[], Answer]) -> Answer | HttpError:
    try:
        return ask()
    except HttpError as error:
        return error


def _document(answer: Answer) -> Json | None:
    try:
        found = answer.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _passing(answer: Answer | HttpError) -> str | None:
    """Why a call may go better the next time; None if it need not be repeated, or will not."""
    if isinstance(answer, Answer):
        return _PASSING.get(answer.status)
    if isinstance(answer, HttpTimeoutError):
        return _TIMED_OUT
    if isinstance(answer, HttpCertificateError):
        return None
    return _LOST if isinstance(answer, HttpConnectionError) else None


def _said(document: Json) -> str:
    parts = (document.get("error_code"), document.get("message"))
    return brief(": ".join(str(part) for part in parts if part), 300)
