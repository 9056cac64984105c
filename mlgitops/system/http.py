"""One HTTP client: kept connections, a deadline over each whole call, bounded answers."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from requests.utils import parse_header_links
from urllib3.exceptions import HTTPError

from mlgitops.errors import (
    HttpCertificateError,
    HttpConnectionError,
    HttpError,
    HttpProxyError,
    HttpRedirectError,
    HttpTimeoutError,
    HttpTooLargeError,
)
from mlgitops.system import waiting
from mlgitops.system.addresses import without_secrets
from mlgitops.words import from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from urllib3.util import Retry

_MIB = 2**20
_PART = 65_536  # bytes that are read at once
_HOPS = 5  # redirects that are followed
_SEE_OTHER = 303
_LEAST = 4096  # bytes that a download has to get on by


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a server answered, with whatever status.

    Attributes:
        headers: by name, in upper or lower case.
        body: decompressed.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is one of success (2xx)."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as UTF-8; bytes that are none are replaced."""
        return self.body.decode(errors="replace")

    @property
    def next_page(self) -> str | None:
        """The address of the next page, where the server gives one (RFC 8288)."""
        links = parse_header_links(self.headers.get("Link", ""))
        return next((link["url"] for link in links if link.get("rel") == "next"), None)

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: it is none.
        """
        return from_json(self.body)


class _Session(requests.Session):
    """A session that hands redirects out instead of reading their bodies, however long."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


class _Known(HTTPAdapter):
    """Connections to the server that has a certificate."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, assert_fingerprint=self._fingerprint, **options)


class HttpClient:
    """Asks servers; connections are kept for the next call.

    What can be read in environment variables (proxies, certificates) and .netrc holds, as for
    every program that uses requests, MLflow's client among them.
    """

    def __init__(
        self,
        *,
        timeout: float = 30.0,
        limit: int = 64 * _MIB,
        headers: Mapping[str, str] | None = None,
        login: tuple[str, str] | None = None,
        retry: Retry | None = None,
        elsewhere: bool = False,
        resend: bool = False,
        verify: bool | str = True,
        certificate: str | None = None,
        fingerprint: str | None = None,
    ) -> None:
        """A client.

        Args:
            timeout: seconds for one whole call: name, connection, retries, redirects, and the body
                to its last byte.
            limit: bytes that a body may have, decompressed.
            headers: sent with each request.
            login: a name and a password for servers that ask for them.
            retry: which calls are repeated, and when; default: none is.
            elsewhere: follow redirects to other hosts too; they get neither headers nor login.
            resend: follow redirects of other methods than GET and HEAD within the host too, with
                the same method and body; but for 303, which asks for a GET.
            verify: whether a server must prove who it is; a path names the certificates to trust.
            certificate: the path of the certificate and key with which the client proves itself.
            fingerprint: the server's certificate, by its digest in hexadecimal digits; no other one
                is trusted, and this one whatever its name and issuer.
        """
        self._timeout, self._limit, self._elsewhere = timeout, limit, elsewhere
        self._resend = resend
        self._session = _session(retry)
        if fingerprint:
            self._session.mount("https://", _Known(fingerprint))
            verify = False  # what is known needs nobody's word
        self._session.headers.update(headers or {})
        self._session.auth = login
        self._session.cert = certificate
        self._verify = verify
        self._bare = _session(retry)

    def request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str | int | Sequence[str]] | None = None,
        body: bytes | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> Answer:
        """One call; an answer of any status but a redirect is an answer.

        Redirects of GET and HEAD are followed within the host, from http to https as well; of other
        methods only with `resend`.

        Args:
            method: such as "GET".
            url: the whole address.
            query: what is added to the address.
            body: what is sent.
            json: what is sent, as JSON; instead of `body`.
            headers: of this request.
            name: how errors call this request, where its address is a secret; default: method and
                address, without query and login.

        Raises:
            HttpConnectionError: there is no connection, or it broke; subclasses say that the
                certificate or a proxy is the cause.
            HttpTimeoutError: the answer was not complete in time.
            HttpTooLargeError: the body is larger than the limit.
            HttpRedirectError: it is a redirect that is not followed.
        """
        call = _Call(
            name=name or f"{method} {_shown(url)}",
            until=time.monotonic() + self._timeout,
            method=method,
            options={"params": query, "data": body, "json": json, "headers": headers},
        )
        with self._told(call):
            # no limit of a socket covers looking up names, several addresses, headers that drip in
            return waiting.within(self._timeout, lambda: self._exchange(call, url), name=call.name)

    def download(self, url: str, take: Callable[[bytes], object]) -> Answer:
        """A GET of what may be large; it may take as long as it gets on, in each time limit.

        Args:
            url: the whole address.
            take: is handed each part of the body of an answer of success; what it raises ends the
                call.

        Raises:
            HttpError: as for `request`.
        """
        call = _Call(name=f"GET {_shown(url)}", until=math.inf, method="GET", take=take)
        with self._told(call):
            return waiting.while_it_moves(
                self._timeout,
                lambda: self._exchange(call, url),
                lambda: call.moved,
                least=_LEAST,
                name=call.name,
            )

    @contextmanager
    def _told(self, call: _Call) -> Iterator[None]:
        """Raise what went wrong as the errors of `request`."""
        try:
            yield
        except (TimeoutError, requests.Timeout):
            call.until = 0.0
            raise HttpTimeoutError(call.name, f"no answer within {self._timeout:g} s") from None
        except (requests.RequestException, HTTPError, ValueError) as error:
            # without the cause: its text holds the address
            raise _kind(error)(call.name, reason(error)) from None

    def _exchange(self, call: _Call, url: str) -> Answer:
        session: requests.Session = self._session
        options = call.options
        for _ in range(_HOPS + 1):
            with session.request(
                call.method,
                url,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
                verify=self._verify,
                **options,
            ) as answer:
                if not answer.is_redirect:
                    return Answer(
                        status=answer.status_code,
                        headers=answer.headers,
                        body=self._body(answer, call),
                    )
                target = urljoin(url, answer.headers["Location"])
            # not the path: it may be the secret that the name stands for
            where = f"{_shown(urljoin(target, '/'))}; ask there"
            writes = call.method not in ("GET", "HEAD")
            if writes and not (self._resend and answer.status_code != _SEE_OTHER):
                raise HttpRedirectError(call.name, f"it is redirected to {where}")
            if session.should_strip_auth(url, target):  # type: ignore[no-untyped-call]
                if writes or not self._elsewhere:
                    raise HttpRedirectError(call.name, f"it is redirected to another host, {where}")
                session, options = self._bare, {}
            url, options = target, {**options, "params": None}
        raise HttpRedirectError(call.name, f"more than {_HOPS} redirects")

    def _body(self, answer: requests.Response, call: _Call) -> bytes:
        """The body; nothing where it was taken in parts."""
        body = bytearray()
        take = call.take if 200 <= answer.status_code < 300 else None
        while part := answer.raw.read1(_PART, decode_content=True):
            if time.monotonic() > call.until:
                raise TimeoutError  # nobody waits any more: let the connection go
            call.moved += len(part)
            if take:
                take(part)
                continue
            body += part
            if len(body) > self._limit:
                reason = f"the answer is larger than {self._limit / _MIB:g} MiB"
                raise HttpTooLargeError(call.name, reason)
        return bytes(body)


@dataclass(kw_only=True, slots=True)
class _Call:
    """What is asked, until when somebody waits for the answer, and how much of it has come."""

    name: str
    until: float
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    take: Callable[[bytes], object] | None = None
    moved: int = 0


def is_up(url: str, *, timeout: float = 5.0) -> bool:
    """Whether a GET is answered with success: what a probe of a server that starts asks."""
    try:
        return HttpClient(timeout=timeout).request("GET", url).ok
    except HttpError:
        return False


def _shown(url: str) -> str:
    try:
        return without_secrets(url)
    except ValueError:
        return "an address that is no URL"


def _session(retry: Retry | None) -> _Session:
    made = _Session()
    if retry is not None:
        for scheme in ("https://", "http://"):
            made.mount(scheme, HTTPAdapter(max_retries=retry))
    return made


def _kind(error: BaseException) -> type[HttpConnectionError]:
    if isinstance(error, requests.exceptions.SSLError):
        return HttpCertificateError
    if isinstance(error, requests.exceptions.ProxyError):
        return HttpProxyError
    return HttpConnectionError


def reason(error: BaseException) -> str:
    """What the system says at the bottom of an error; the errors above it hold the address."""
    if isinstance(error, ValueError):
        return "the address is not a valid URL"
    while below := error.__cause__ or error.__context__:
        error = below
    told = error.strerror if isinstance(error, OSError) else None
    return told or f"the connection broke ({type(error).__name__})"
