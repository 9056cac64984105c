"""Child processes are ended with everything that they started, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from mlgitops.system import waiting
from mlgitops.system.processes import end, ended, started

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("it ignores SIGTERM", flush=True)
time.sleep(60)
"""
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def python(code: str) -> subprocess.Popen[bytes]:
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
    with python(PARENT) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        assert alive(worker)
        end(process)
        assert waiting.until(lambda: not alive(worker), timeout=30)
    assert process.returncode == -signal.SIGTERM


def test_one_that_ignores_being_asked_is_forced() -> None:
    """SIGKILL follows SIGTERM after the grace period."""
    with python(STUBBORN) as process:
        assert process.stdout is not None
        process.stdout.readline()
        end(process, grace=0.3)
    assert process.returncode == -signal.SIGKILL


def test_an_exception_ends_it_as_well() -> None:
    """The block's own exception is what is seen."""
    with python("import time; time.sleep(60)") as process:
        failing = pytest.raises(ZeroDivisionError)
        with failing, ended(process):
            os.kill(process.pid, 0)
            _ = 1 / 0
    assert process.returncode is not None


def test_one_that_has_ended_already_is_no_problem() -> None:
    """There is nothing left to end."""
    with python("pass") as process:
        process.wait()
        end(process)
    assert process.returncode == 0


def test_a_process_with_a_log(tmp_path: Path) -> None:
    """Both outputs are in the log, and only its end is shown; bytes need not be text."""
    code = (
        "import os, sys\n"
        "print(os.environ['FARM'], sys.stdin.read())\n"
        "print(*range(100), sep='\\n', flush=True)\n"
        "os.write(2, b'\\xff')"
    )
    log = tmp_path / "log"
    command = [sys.executable, "-c", code]
    with started(command, log, environment={"FARM": "wind"}) as running:
        assert running.process.wait() == 0
        assert running.has_ended
    assert log.read_bytes().startswith(b"wind \n0\n")
    assert running.last_lines.splitlines() == [*map(str, range(61, 100)), "\ufffd"]


def test_it_is_ended_with_the_block(tmp_path: Path) -> None:
    """What was started and still runs is gone afterwards."""
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with started(command, tmp_path / "log") as running:
        assert not running.has_ended
    assert running.has_ended
