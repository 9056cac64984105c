"""An MLmodel file before anything parses it: whoever logged the model wrote it."""

from __future__ import annotations

import re

from mlgitops.errors import PayloadError

_MIB = 2**20
_LARGEST = 16 * _MIB  # a signature of 100,000 columns has 8
_MARKS = re.compile(rb"[\[\]{},:]")
_WORK = 20_000_000  # of the parser, which goes through all open brackets at each mark: a second


def check(mlmodel: bytes) -> None:
    """Whether reading it takes the time and the memory that its size lets expect.

    Raises:
        PayloadError: it would not; MLflow writes nothing of the kind.
    """
    if len(mlmodel) > _LARGEST:
        raise PayloadError(f"its MLmodel file is larger than {_LARGEST // _MIB} MiB")
    depth = work = 0
    for mark in _MARKS.finditer(mlmodel):
        depth = max(0, depth + {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(mark[0], 0))
        work += depth
        if work > _WORK:
            raise PayloadError("its MLmodel file is nested too deeply")
