"""What a worker and its supervisor both see: whether it serves, and since when it predicts.

It lies in shared memory, so that the supervisor sees it also while a prediction keeps the worker
from doing anything at all, the interpreter's lock included.
"""

from __future__ import annotations

import mmap
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_READY, _LOOP = 0, 1


class Watch:
    """The clock of one worker; to be made before the worker is forked.

    The event loop has a cell and each thread has one: the time at which its prediction began, of
    the machine's monotonic clock, or 0.
    """

    def __init__(self, threads: int) -> None:
        self._cells = memoryview(mmap.mmap(-1, 8 * (2 + threads))).cast("d")
        self._free = list(range(2, 2 + threads))
        self.begin()

    @property
    def is_ready(self) -> bool:
        """Whether the worker has loaded its model; until then its loop counts as busy."""
        return self._cells[_READY] > 0

    def ready(self) -> None:
        """The worker has loaded its model."""
        self.end()
        self._cells[_READY] = 1.0

    def begin(self) -> None:
        """The event loop predicts; it does nothing else until `end`."""
        self._cells[_LOOP] = monotonic()

    def end(self) -> None:
        """The event loop has predicted."""
        self._cells[_LOOP] = 0.0

    @contextmanager
    def thread(self) -> Iterator[None]:
        """A thread predicts."""
        cell = self._free.pop()
        self._cells[cell] = monotonic()
        try:
            yield
        finally:
            self._cells[cell] = 0.0
            self._free.append(cell)

    def loop_since(self) -> float:
        """The seconds since which the event loop has been busy with one thing; 0 if it is not."""
        return _since(self._cells[_LOOP])

    def threads_since(self) -> tuple[float, ...]:
        """The seconds since which each thread has been busy with one prediction."""
        return tuple(_since(begun) for begun in self._cells[2:])


def _since(begun: float) -> float:
    return monotonic() - begun if begun else 0.0
