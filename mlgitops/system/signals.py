"""Ctrl-C and SIGTERM as a wish to end in order; the second one ends the process at once."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Terminated(BaseException):
    """A SIGTERM, which unwinds as Ctrl-C does: folders, containers and processes are removed."""


def unwind_on_term() -> None:
    """Let the first SIGTERM raise `Terminated` from now on; in the main thread only."""

    def arrived(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise Terminated

    signal.signal(signal.SIGTERM, arrived)


@dataclass(kw_only=True, slots=True)
class Signals:
    """What has arrived: the first of the signals; None if none has."""

    first: int | None = None

    @property
    def arrived(self) -> bool:
        """Whether somebody wants the process to end."""
        return self.first is not None


@contextmanager
def caught(found: Signals, said: str) -> Iterator[None]:
    """Catch SIGINT and SIGTERM until the block ends; in the main thread only.

    Args:
        found: is told of the first one that arrives.
        said: the line that is printed on standard error then.
    """

    def arrived(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        if not found.arrived:
            found.first = number
            os.write(2, f"{said}\n".encode())  # a stream may be in the middle of a line

    before = {one: signal.signal(one, arrived) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
