"""Requests to GitHub's REST API: pages, redirects, limits, and what its answers must be."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from urllib3.util import Retry

from mlgitops.errors import GitHubError, HttpError
from mlgitops.github import refusals
from mlgitops.system.http import HttpClient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlgitops.github.context import Context
    from mlgitops.system.http import Answer

_TIMEOUT = 60.0  # seconds for one call, tries included
PAGE = 100  # GitHub's largest page
_PAGES = 50  # a limit for a server that answers with ever more
_PATIENCE = 90.0  # seconds that rate limits may take of one call
_SHORTEST = 0.5  # seconds


class Rest:
    """Asks about one repository on GitHub, with the token of the run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._base = f"{context.api}/repos/{context.repository}"
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        if context.token:
            headers["Authorization"] = f"Bearer {context.token}"
        # only what can be repeated without harm: GET, PATCH sets what it says
        retry = Retry(
            total=3,
            backoff_factor=0.5,
            status_forcelist=(500, 502, 503, 504),
            allowed_methods=("GET", "PATCH"),
            raise_on_status=False,
            respect_retry_after_header=False,  # `_request` does, within its limit
        )
        # what was renamed or transferred answers with redirects, to calls of every method
        self._http = HttpClient(timeout=_TIMEOUT, headers=headers, retry=retry, resend=True)
        # archives lie on another host, which gets no token
        self._stored = HttpClient(timeout=_TIMEOUT, headers=headers, retry=retry, elsewhere=True)

    def read(self, path: str) -> tuple[dict[str, Any], Mapping[str, str]]:
        """What is at a path, of this repository where it names nothing else, and its headers.

        Raises:
            GitHubError: the subclass says why there is no answer.
        """
        answer = self._request("GET", self._url(path))
        found = decoded(answer)
        if not isinstance(found, dict):
            raise GitHubError("GitHub's answer is no mapping")
        return found, answer.headers

    def listing(self, path: str, key: str = "") -> list[dict[str, Any]]:
        """All entries of a list at a path, or under a key there.

        Raises:
            GitHubError: as of `read`.
        """
        return list(self._pages(path, key))

    def _pages(self, path: str, key: str = "", **query: str) -> Iterator[dict[str, Any]]:
        url = self._url(path)
        options: dict[str, Any] = {"query": {**query, "per_page": PAGE}}
        for _ in range(_PAGES):
            answer = self._request("GET", url, **options)
            found = decoded(answer)
            listed = entries(found, key) if key else found
            yield from (entry for entry in listed if isinstance(entry, dict))
            following = answer.next_page
            if not following or not following.startswith(self._context.api + "/"):
                return  # the token goes to no other server
            url, options = following, {}

    def _json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return decoded(self._request(method, self._url(path), json=body))

    def _url(self, path: str) -> str:
        """The address of a path: of this repository, where it names nothing else."""
        if path.startswith(("https://", "http://")):
            return path
        elsewhere = path.startswith(("/repos/", "/orgs/", "/user"))
        return f"{self._context.api if elsewhere else self._base}{path}"

    def _request(
        self, method: str, url: str, *, http: HttpClient | None = None, **options: Any
    ) -> Answer:
        what = f"{method} {url.partition('?')[0].removeprefix(self._context.api)}"
        client, until = http or self._http, time.monotonic() + _PATIENCE
        while True:
            try:
                answer = client.request(method, url, **options)
            except HttpError as error:
                raise GitHubError(f"GitHub did not answer {what}: {error.reason}") from error
            if answer.ok:
                return answer
            pause = refusals.pause(answer, time.time())
            if pause is None or time.monotonic() + pause > until:
                raise refusals.refusal(answer, what, time.time())
            time.sleep(max(pause, _SHORTEST))


def decoded(answer: Answer) -> Any:
    """An answer's JSON."""
    try:
        return answer.json()
    except ValueError as error:
        raise GitHubError("GitHub's answer is not JSON") from error


def entries(found: Any, key: str) -> list[dict[str, Any]]:
    """The mappings of the list that an answer has under a key."""
    listed = found.get(key) if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise GitHubError(f"GitHub's answer has no list of {key}")
    return [entry for entry in listed if isinstance(entry, dict)]
