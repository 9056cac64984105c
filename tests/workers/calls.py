"""What tests have workers call: functions of a module that processes can import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from mlgitops.errors import DataError


def add(one: int, other: int) -> int:
    """A sum, after saying so in two pieces of one line."""
    print("add", end=" ", flush=True)
    print(one, other)
    return one + other


def refuse() -> None:
    """Raise what a user can act on."""
    raise DataError("the table is empty; give another")


def die_until(file: str, times: int) -> int:
    """Be killed so many times, then return how often it was begun."""
    with Path(file).open("a") as log:
        log.write("x")
    begun = len(Path(file).read_text())
    if begun <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return begun


def wait(begun: str) -> None:
    """Say which process it is, and wait for ever."""
    Path(begun).write_text(str(os.getpid()))
    time.sleep(600)


def environment(name: str) -> str | None:
    """A variable."""
    return os.environ.get(name)


def variables() -> dict[str, str]:
    """The variables of the process that this runs in."""
    return dict(os.environ)
