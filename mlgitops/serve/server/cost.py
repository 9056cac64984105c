"""Whether a piece of work is so quick that handing it to a thread would cost more.

A clock on the wall tells how busy the machine is: at a start under load a linear model looks as
slow as a forest. What counts here is what the work does itself: the processor time it takes, and
whether it ever waits of its own accord, such as for a file, a lock or the network. What other
processes do adds to neither.
"""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 0.005
_RUNS = 5


def is_quick(work: Callable[[], object]) -> bool:
    """Whether the best of some runs takes less than 5 ms of processor time and never waits."""
    work()  # loads what is loaded late
    waits, seconds = min(_cost(work) for _ in range(_RUNS))
    return waits == 0 and seconds < _SECONDS


def _cost(work: Callable[[], object]) -> tuple[int, float]:
    """How often this thread waits, and the seconds of processor time, of all threads."""
    waits, seconds = _waits(), time.process_time()
    work()
    return _waits() - waits, time.process_time() - seconds


def _waits() -> int:
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
