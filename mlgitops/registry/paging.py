"""Reading an answer page by page, in pages that the server can make in time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mlgitops.errors import RegistryProtocolError, RegistryTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.registry.api import Page, Row

_SLOW = 5.0  # seconds; a page that takes longer is followed by a smaller one
_LEAST = 50  # rows
_SHRINK = 5
_MOST = 100_000  # pages: no registry has as many


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
        token = page.token
        if time.monotonic() - begun > _SLOW:
            size = max(_LEAST, size // 2)
    raise RegistryProtocolError(f"the registry answers more than {_MOST:,} pages")
