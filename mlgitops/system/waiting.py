"""Waiting until something answers: the one loop that asks, pauses and asks again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.errors import MlgitopsError

_EVERY = 0.1  # seconds


class Starting(Protocol):
    """What becomes ready, or ends before that: a process, a container."""

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, so that waiting is of no use."""

    @property
    def last_lines(self) -> str:
        """The end of what it printed."""


def until(
    probe: Callable[[], bool],
    *,
    timeout: float,
    every: float = _EVERY,
    unless: Callable[[], bool] = lambda: False,
) -> bool:
    """Ask again and again until the answer is yes; False where it is given up.

    The probe is asked once at least, and once more after the time is over or `unless` is true, so
    that what happened during the last pause counts.

    Args:
        probe: the question; it has a time limit of its own.
        timeout: seconds after which it is given up.
        every: seconds between an answer and the next question.
        unless: tells that waiting is of no use any more.
    """
    deadline = time.monotonic() + timeout
    while True:
        last = unless() or time.monotonic() >= deadline
        if probe():
            return True
        if last:
            return False
        time.sleep(max(0.0, min(every, deadline - time.monotonic())))


def until_ready(
    name: str,
    started: Starting,
    probe: Callable[[], bool],
    *,
    timeout: float,
    error: type[MlgitopsError],
) -> None:
    """Wait until what was started answers.

    Args:
        name: what the error calls it, such as "the embedded registry".
        started: what was started.
        probe: whether it answers.
        timeout: seconds to wait for that.
        error: the class of what is raised.

    Raises:
        MlgitopsError: it stopped by itself, or did not answer in time; with its last lines.
    """
    if until(probe, timeout=timeout, unless=lambda: started.has_ended):
        return
    how = "stopped" if started.has_ended else f"did not answer within {timeout:g} s"
    raise error(f"{name} {how}; its last lines:\n{started.last_lines}")
