"""The process that starts the workers and replaces those that ended or hang.

It imports neither MLflow nor uvicorn: it costs little beside one worker. uvicorn's own supervisor
starts a worker that cannot start for ever, ends with 0, ends workers that do not answer within
seconds on a busy machine, and cannot tell a prediction that hangs from one that has just begun.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from .watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from .settings import Settings

_STOP = {signal.SIGTERM, signal.SIGINT}
_HEARD = {*_STOP, signal.SIGCHLD}
_LOOK = 0.25  # seconds
_LOOKS = 4  # until who is late is ended: time to send 504, and none is late for a paused machine
_ATTEMPTS = 3  # at replacing a worker, in a row


@dataclass
class _Worker:
    """A process that serves.

    Attributes:
        late: how often in a row it was seen to be late.
        killed_at: when it is ended by force, as it has been asked to end.
    """

    pid: int
    watch: Watch
    late: int = 0
    killed_at: float = float("inf")


class Supervisor:
    """Runs as many workers as the settings say.

    Args:
        work: what a worker does, in a process of its own; returns its exit code.
    """

    def __init__(self, settings: Settings, work: Callable[[Watch], int]) -> None:
        self._settings, self._work = settings, work
        self._workers: dict[int, _Worker] = {}
        self._has_served = False
        self._failures = 0

    def run(self) -> int:
        """Keep the workers going until SIGTERM or SIGINT.

        Returns:
            0 if all open requests were finished; 1 if some were not, or workers cannot start.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        for _ in range(self._settings.workers):
            self._start()
        while True:
            heard = signal.sigtimedwait(_HEARD, _LOOK)
            if heard and heard.si_signo in _STOP:
                return self._stop()
            for worker, code in self._ended():
                if not self._replace(worker, code):
                    self._stop()
                    return 1
            for worker in self._workers.values():
                self._look_at(worker)

    def _start(self) -> None:
        watch = Watch(self._settings.threads)
        pid = os.fork()
        if pid == 0:
            os._exit(self._worked(watch))
        self._workers[pid] = _Worker(pid, watch)

    def _worked(self, watch: Watch) -> int:
        """The exit code of this process, which is a worker."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
        try:
            return self._work(watch)
        except BaseException:  # noqa: BLE001 - whatever the model raises, the supervisor goes on
            traceback.print_exc()
            return 1
        finally:
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()

    def _ended(self) -> list[tuple[_Worker, int]]:
        """Workers that have ended, each with its exit code; minus the signal that ended it."""
        found = []
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                if worker := self._workers.pop(pid, None):  # else an orphan of the container
                    found.append((worker, os.waitstatus_to_exitcode(status)))
        return found

    def _replace(self, worker: _Worker, code: int) -> bool:
        """Start another in its place; False if that is of no use."""
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        if worker.watch.is_ready:
            self._has_served, self._failures = True, 0
            _say(f"worker {worker.pid} has ended ({how}): starting another")
        else:
            self._failures += 1
            _say(f"worker {worker.pid} could not start ({how})")
            if not self._has_served or self._failures == _ATTEMPTS:
                return False
        self._start()
        return True

    def _look_at(self, worker: _Worker) -> None:
        """End a worker whose prediction outlives its limit."""
        limit = self._settings.timeout if worker.watch.is_ready else self._settings.start
        self._has_served = self._has_served or worker.watch.is_ready
        loop, threads = worker.watch.loop_since(), max(worker.watch.threads_since())
        worker.late = worker.late + 1 if max(loop, threads) > limit else 0
        if monotonic() > worker.killed_at or (loop > limit and worker.late >= _LOOKS):
            _say(f"worker {worker.pid} has been busy for {max(loop, threads):.1f} s: killing it")
            os.kill(worker.pid, signal.SIGKILL)
            worker.killed_at = float("inf")
        elif worker.late == _LOOKS:
            _say(f"worker {worker.pid} has predicted for {threads:.1f} s: asking it to end")
            os.kill(worker.pid, signal.SIGTERM)
            worker.killed_at = monotonic() + self._settings.drain

    def _stop(self) -> int:
        """Let all workers finish their open requests."""
        for pid in self._workers:
            os.kill(pid, signal.SIGTERM)
        until = monotonic() + self._settings.drain + 1
        while self._workers and monotonic() < until:
            signal.sigtimedwait({signal.SIGCHLD}, _LOOK)
            self._ended()
        for pid in self._workers:
            _say(f"worker {pid} has not ended in time: killing it")
            os.kill(pid, signal.SIGKILL)
        return 1 if self._workers else 0


def _say(text: str) -> None:
    sys.stderr.write(f"WARNING serving: {text}\n")
