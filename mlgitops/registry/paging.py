"""Reading an answer page by page, in pages that the server can make in time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mlgitops.errors.registry import RegistryProtocolError, RegistryTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.registry.api import Page, Row

_SLOW = 5.0  # seconds; a page that takes longer is followed by a smaller one
_LEAST = 50  # rows
_SHRINK = 5
_MOST = 10_000  # pages: no registry has as many
_LONGEST = 1800.0  # seconds for all of them
_EMPTY = 100  # pages in a row; Databricks has some that hold nothing of what is looked for


def rows(fetch: Callable[[int, str | None], Page[Row]], size: int) -> Iterator[Row]:
    """All rows of an answer.

    MLflow's token names a position, whatever the page's size, so a page that was not made in time
    is asked for again in parts.

    Args:
        fetch: asks for a page of at most so many rows, and the token that it begins at.
        size: the rows of the first page.

    Raises:
        RegistryTimeoutError: the server does not make the smallest page in time either.
        RegistryProtocolError: the pages do not end.
        RegistryError: what `fetch` raises.
    """
    token: str | None = None
    empty, until = 0, time.monotonic() + _LONGEST
    for _ in range(_MOST):
        begun = time.monotonic()
        try:
            page = fetch(size, token)
        except RegistryTimeoutError:
            if size <= _LEAST:
                raise
            size = max(_LEAST, size // _SHRINK)
            continue
        yield from page.rows
        if page.token is None:
            return
        if page.token == token:
            raise RegistryProtocolError("the registry answers the same page again and again")
        token, empty = page.token, 0 if page.rows else empty + 1
        if empty == _EMPTY or time.monotonic() > until:
            break
        if time.monotonic() - begun > _SLOW:
            size = max(_LEAST, size // 2)
    raise RegistryProtocolError(
        "the registry answers page after page without an end; see its log, and any proxy before it"
    )
