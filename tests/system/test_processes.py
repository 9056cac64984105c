"""Child processes are ended with everything that they started, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from mlgitops.system.processes import end, ended, last_lines

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}])
print(child.pid, flush=True)
time.sleep(60)
"""


def started(code: str) -> subprocess.Popen[bytes]:
    """A Python process in a group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
    )


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be reaped does not."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_child_that_outlives_its_parent_is_ended_too() -> None:
    """A worker that ignores SIGTERM does not survive the server that started it."""
    with started(PARENT) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        assert alive(worker)
        end(process)
        deadline = time.monotonic() + 5
        while alive(worker) and time.monotonic() < deadline:
            time.sleep(0.02)
    assert not alive(worker)
    assert process.returncode == -signal.SIGTERM


def test_one_that_ignores_being_asked_is_forced() -> None:
    """SIGKILL follows SIGTERM after the grace period."""
    with started(f"print(1, flush=True); {STUBBORN}") as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.1)
        end(process, grace=0.3)
    assert process.returncode == -signal.SIGKILL


def test_an_exception_ends_it_as_well() -> None:
    """The block's own exception is what is seen."""
    with started("import time; time.sleep(60)") as process:
        failing = pytest.raises(ZeroDivisionError)
        with failing, ended(process):
            os.kill(process.pid, 0)
            _ = 1 / 0
    assert process.returncode is not None


def test_one_that_has_ended_already_is_no_problem() -> None:
    """There is nothing left to end."""
    with started("pass") as process:
        process.wait()
        end(process)
    assert process.returncode == 0


def test_the_last_lines_of_a_log(tmp_path: Path) -> None:
    """Only the end of a long log is worth showing, and bytes that are no text do not matter."""
    log = tmp_path / "log"
    log.write_bytes(b"\n".join(b"line %d" % n for n in range(100)) + b"\n\xff")
    assert last_lines(log, 2) == "line 99\n\ufffd"
