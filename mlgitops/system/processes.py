"""Child processes that are always ended with everything they started."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_GRACE = 10.0  # seconds between SIGTERM and SIGKILL
_SHOWN = 40  # lines of a log
# what libraries that compute in threads read the number of these from
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """A child process whose output goes to a file."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    @property
    def last_lines(self) -> str:
        """The last lines of both its outputs."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_SHOWN:])


@contextmanager
def started(
    command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
) -> Iterator[Started]:
    """Run a command until the block ends; then it is ended with everything it started.

    Args:
        command: with its arguments.
        log: the file that both its outputs are written to.
        environment: variables on top of those of this process.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    with ended(process):
        yield Started(process=process, log=log)


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the process group of `process` on exit, also after an exception.

    The process must have been started with `start_new_session=True`.
    """
    try:
        yield
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], grace: float = _GRACE) -> None:
    """End a process group: ask first, force after `grace` seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=grace)
            break
    # workers may outlive their parent, which is what was waited for
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
