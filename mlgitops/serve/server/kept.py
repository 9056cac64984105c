"""A few of the requests that the model did not answer, to ask another version the same.

`mlgitops deploy` reads them where a new version fails more often than the old one: what the old one
cannot answer either is no fault of the new one. They lie in the container's memory, and no way from
outside leads there.
"""

from __future__ import annotations

import os
import random
import tempfile
from contextlib import suppress
from pathlib import Path

FOLDER = "serving-unanswered"  # in the folder for temporary files
_MOST = 16  # of all processes
_LARGEST = 64 * 2**10  # bytes


def keep(body: bytes, content_type: str) -> None:
    """Keep a request in place of another one, unless it is large or there is no place for it.

    The file holds the content type on its first line and then the body.
    """
    if len(body) > _LARGEST:
        return
    with suppress(OSError):
        folder = Path(tempfile.gettempdir(), FOLDER)
        folder.mkdir(mode=0o700, exist_ok=True)
        part = folder / f"{os.getpid()}.part"
        part.write_bytes(content_type.encode() + b"\n" + body)
        part.replace(folder / str(random.randrange(_MOST)))  # noqa: S311 - no secret
