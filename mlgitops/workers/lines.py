"""Lines that are told in parcels, so that a chatty call does not burden who passes them on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY = 0.25  # seconds between two parcels
_MOST = 5000  # lines of one call


class Lines:
    """Collect lines and pass them on now and then, until the block ends.

    Args:
        tell: told several lines at once.
        shown: how a line is shown to others.
    """

    def __init__(self, tell: Callable[[list[str]], None], shown: Callable[[str], str]) -> None:
        self._tell, self._shown = tell, shown
        self._waiting: list[str] = []
        self._lock = threading.Lock()
        self._count = 0
        self._ended = threading.Event()

    def add(self, line: str) -> None:
        """Take one line, from any thread."""
        with self._lock:
            self._count += 1
            if self._count <= _MOST:
                self._waiting.append(self._shown(line))
            elif self._count == _MOST + 1:
                self._waiting.append(f"(what it prints after {_MOST} lines is left out)")

    def __enter__(self) -> Self:
        threading.Thread(target=self._pass_on, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._flush()

    def _pass_on(self) -> None:
        while not self._ended.wait(_EVERY):
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            lines, self._waiting = self._waiting, []
            if lines:
                self._tell(lines)
