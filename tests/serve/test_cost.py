"""What counts as quick: nothing that other processes do."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from mlgitops.serve.server.cost import is_quick

if TYPE_CHECKING:
    from collections.abc import Iterator


def busy(seconds: float) -> None:
    """Take so much processor time, however long that takes."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


@pytest.fixture
def contention() -> Iterator[None]:
    """Three other processes want the processor that this one runs on, without an end."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    others = [subprocess.Popen([sys.executable, "-ISc", "while True: pass"]) for _ in range(3)]
    yield
    for other in others:
        other.kill()
        other.wait()
    os.sched_setaffinity(0, before)


@pytest.mark.usefixtures("contention")
def test_contention_does_not_move_it() -> None:
    """2 ms of work are quick also where they take four times as long."""
    assert is_quick(lambda: busy(0.002))


def test_much_work_is_not_quick() -> None:
    """Here 8 ms."""
    assert not is_quick(lambda: busy(0.008))


def test_work_that_waits_is_not_quick() -> None:
    """For whom it waits is unknown, and so is for how long."""
    assert not is_quick(lambda: time.sleep(0.0001))
