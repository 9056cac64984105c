"""Waiting for what must come true."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mlgitops.system import waiting

if TYPE_CHECKING:
    from collections.abc import Callable


def eventually(true: Callable[[], bool], *, within: float, every: float = 0.5) -> float:
    """Wait until something is true; return how many seconds that took."""
    started = time.monotonic()
    assert waiting.until(true, timeout=within, every=every), f"not within {within:g} s"
    return time.monotonic() - started
