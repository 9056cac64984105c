"""A few of the requests that the model did not answer, to ask another version the same.

`mlgitops deploy` reads them where a new version fails more often than the old one: what the old one
cannot answer either is no fault of the new one. An image keeps them in the container's memory, and
no way from outside leads there.
"""

from __future__ import annotations

import os
import random
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MOST = 16  # of all processes
_LARGEST = 64 * 2**10  # bytes


def keep(folder: Path | None, body: bytes, content_type: str) -> None:
    """Keep a request in place of another one, unless it is large or there is no place for it.

    The file holds the content type on its first line and then the body.
    """
    if folder is None or len(body) > _LARGEST:
        return
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        part = folder / f"{os.getpid()}.part"
        part.write_bytes(content_type.encode() + b"\n" + body)
        part.replace(folder / str(random.randrange(_MOST)))  # noqa: S311 - no secret
