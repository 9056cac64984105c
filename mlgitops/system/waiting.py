"""Waiting: the one loop that asks, pauses and asks again, and the one limit to any work."""

from __future__ import annotations

import time
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.errors import MlgitopsError

T = TypeVar("T")
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


def within(seconds: float, work: Callable[[], T], *, name: str) -> T:
    """What some work returns, or raises, if it ends in time; else it goes on and nobody waits.

    Args:
        seconds: how long it is waited for.
        work: it has a thread of its own, which does not keep the process from ending.
        name: what the thread is called.

    Raises:
        TimeoutError: it takes longer.
    """
    return _begun(work, name).result(seconds)


def while_it_moves(
    seconds: float, work: Callable[[], T], moved: Callable[[], int], *, least: int, name: str
) -> T:
    """What some work returns, or raises, however long it takes while it gets on.

    Args:
        seconds: in each such time it is to get on by `least`; else it is waited for no more.
        work: as of `within`.
        moved: how far it is.
        least: as much as `moved` has to grow.
        name: what the thread is called.

    Raises:
        TimeoutError: it does not get on.
    """
    done = _begun(work, name)
    while True:
        before = moved()
        try:
            return done.result(seconds)
        except TimeoutError:
            if done.done() or moved() - before < least:
                raise


def _begun(work: Callable[[], T], name: str) -> Future[T]:
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is read
            done.set_exception(error)

    Thread(target=run, name=name, daemon=True).start()
    return done


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
