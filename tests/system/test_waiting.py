"""Waiting until something answers, or gives up."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import ServeError
from mlgitops.system import waiting
from mlgitops.system.processes import started

if TYPE_CHECKING:
    from pathlib import Path


def test_it_asks_until_the_answer_is_yes() -> None:
    """It returns at once with the first yes, however much time is left."""
    answers = iter([False, False, True])
    assert waiting.until(lambda: next(answers), timeout=60, every=0.01)
    assert list(answers) == []


def test_time_runs_out() -> None:
    """It gives up in time, and asks once more at the very end; a long pause does not delay it."""
    begun = time.monotonic()
    asked: list[float] = []

    def probe() -> bool:
        asked.append(time.monotonic() - begun)
        return False

    assert not waiting.until(probe, timeout=0.2, every=60)
    assert len(asked) == 2
    assert 0.2 <= asked[-1] < 10


def test_waiting_is_of_no_use() -> None:
    """It gives up as soon as `unless` is true; what has become true before that counts."""
    answers = iter([False, True])
    assert not waiting.until(lambda: next(answers), timeout=60, unless=lambda: True)
    assert waiting.until(lambda: next(answers), timeout=60, unless=lambda: True)


def _ready(tmp_path: Path, code: str, *, timeout: float) -> None:
    flag, log = tmp_path / "flag", tmp_path / "log"
    with started([sys.executable, "-c", code, str(flag)], log) as running:
        waiting.until_ready("the mill", running, flag.exists, timeout=timeout, error=ServeError)


def test_a_process_that_becomes_ready(tmp_path: Path) -> None:
    """The wait is over once the probe is true."""
    _ready(tmp_path, "import sys, time; open(sys.argv[1], 'w'); time.sleep(60)", timeout=60)


def test_a_process_that_ends(tmp_path: Path) -> None:
    """Its end is noticed long before the time is over; the error has its last words."""
    with pytest.raises(ServeError, match=r"(?s)the mill stopped; .*no wind"):
        _ready(tmp_path, "raise SystemExit('no wind')", timeout=60)


def test_a_process_that_is_slow(tmp_path: Path) -> None:
    """The error tells how long was waited."""
    with pytest.raises(ServeError, match=r"the mill did not answer within 0\.2 s"):
        _ready(tmp_path, "import time; time.sleep(60)", timeout=0.2)
