"""The verbs of the engine as processes of their own, in the checkout, with what each one needs.

What is loaded, trained or killed there cannot take the sync with it, and does what it does in a
workflow. Each verb gets the login that its step of the workflow has.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors.applying import ApplyInterruptedError, ApplyTerminatedError, SyncEndedError
from mlgitops.notify.webhook import VARIABLE as CHAT
from mlgitops.system import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

READER, TRAINER, WRITER = "MLFLOW_READER", "MLFLOW_TRAINER", "MLFLOW_TRACKING"
_ANNOUNCE = "MLGITOPS_ANNOUNCE_"
_OWN = ("MLGITOPS_SYNC_", "GITHUB_TOKEN", f"{READER}_", f"{TRAINER}_", CHAT, _ANNOUNCE)
_TICK = 0.1  # seconds
_LONGEST = 6 * 3600.0  # seconds of one verb; a training has no shorter limit of its own
_LOG = 1 << 20  # bytes of what a verb printed that are kept: the last ones
_ERROR = "error: "
_INTERRUPTED = (
    *(ApplyInterruptedError.exit_code, ApplyTerminatedError.exit_code),
    *(-signal.SIGINT, -signal.SIGTERM),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """What a verb left: its exit code, and the end of what it printed."""

    code: int
    printed: str

    @property
    def errors(self) -> tuple[str, ...]:
        """Why it failed, in its own words."""
        lines = self.printed.splitlines()
        found = [line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)]
        return tuple(found or lines[-1:] or [f"it ended with {self.code} and said nothing"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """How verbs are run.

    Attributes:
        checkout: the folder that they run in.
        reports: the folder of the files between them.
        beat: is called while one runs.
        stopped: whether somebody wants the sync to end.
        tell: is told what they print.
    """

    checkout: Path
    reports: Path
    beat: Callable[[], None]
    stopped: Callable[[], bool]
    tell: Callable[[str], None]

    def run(
        self,
        *arguments: str,
        login: str = WRITER,
        more: Mapping[str, str] | None = None,
        out: str | None = None,
    ) -> Ran:
        """Run a verb to its end.

        Args:
            arguments: of `mlgitops`.
            login: whose login to the registry it gets, if there is one of its own.
            more: variables that only this verb gets.
            out: the report that its standard output is; default: it is told.

        Raises:
            SyncEndedError: the sync is to end: the verb was not begun, or was asked to end and did.
        """
        ended = f"ended at mlgitops {arguments[0]}; the next round does the rest"
        if self.stopped():
            raise SyncEndedError(ended)
        log = self.reports / "log.txt"
        with ExitStack() as opened:
            said = opened.enter_context(log.open("wb"))
            output = opened.enter_context((self.reports / out).open("wb")) if out else said
            process = subprocess.Popen(
                [sys.executable, "-m", "mlgitops", *arguments],
                cwd=self.checkout,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=said,
                env={**_environment(os.environ, login), **(more or {})},
                start_new_session=True,
            )
        with processes.ended(process):
            self._wait(process)
        with log.open("rb") as written:
            written.seek(max(0, log.stat().st_size - _LOG))
            printed = written.read().decode(errors="replace")
        for line in printed.splitlines():
            self.tell(line)
        if process.returncode in _INTERRUPTED and self.stopped():
            raise SyncEndedError(ended)
        return Ran(code=process.returncode, printed=printed)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline, asked = time.monotonic() + _LONGEST, False
        while process.poll() is None and time.monotonic() < deadline:
            if self.stopped() and not asked:
                process.terminate()
                asked = True
            self.beat()
            time.sleep(_TICK)


def announcing(given: Mapping[str, str]) -> dict[str, str]:
    """The variables of the verb that tells others, which no other verb gets."""
    return {name: value for name, value in given.items() if name.startswith(_ANNOUNCE)}


def _environment(given: Mapping[str, str], login: str) -> dict[str, str]:
    """The variables of a verb: without logins that are another's."""
    found = {name: value for name, value in given.items() if not name.startswith(_OWN)}
    # nothing of the checkout is imported because of its name
    found["PYTHONSAFEPATH"] = "1"
    # files that are too large were fetched for the checkout, and nothing else is to be
    found["GIT_NO_LAZY_FETCH"] = "1"
    for part in ("USERNAME", "PASSWORD"):
        if own := given.get(f"{login}_{part}"):
            found[f"{WRITER}_{part}"] = own
    return found
