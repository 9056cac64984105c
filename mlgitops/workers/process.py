"""A process that answers calls, seen from the one that started it."""

from __future__ import annotations

import os
import pickle
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Pipe
from secrets import token_hex
from typing import IO, TYPE_CHECKING, Any

from mlgitops.errors import CallEndedError, ProcessLostError
from mlgitops.system import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mlgitops.workers.values import Answer

_LOOK = 0.5  # seconds between looks at whether the answer is still wanted
_LAST = 5.0  # seconds in which what was printed arrives after the answer
_LONGEST = 2000  # characters of a line
_BLOCK = 1 << 16
_ENDS = re.compile(rb"[\r\n]+")


class Process:
    """One process, for one call at a time.

    Args:
        variables: on top of those of this process.
        folder: where it runs; None for the current folder.
    """

    def __init__(
        self, variables: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> None:
        self._connection, theirs = Pipe()
        self._mark = token_hex(16)
        self._printed = threading.Event()
        self._say: Callable[[str], None] = lambda _: None
        file = theirs.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mlgitops.workers.child", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(file,),
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(variables or {})},
            cwd=folder,
            start_new_session=True,
        )
        theirs.close()
        assert self._process.stdout is not None
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    def call(
        self,
        function: Callable[..., object],
        arguments: tuple[object, ...],
        *,
        say: Callable[[str], None],
        wanted: Callable[[], bool],
    ) -> Answer:
        """Call a function there.

        Args:
            function: of a module that can be imported there.
            arguments: for the function.
            say: told each line that is printed meanwhile, by another thread.
            wanted: whether somebody waits for the answer.

        Raises:
            ProcessLostError: the process ended.
            CallEndedError: nobody waits any more; the process was ended.
        """
        self._say = say
        self._printed.clear()
        try:
            self._connection.send((self._mark, pickle.dumps((function, arguments))))
            while not self._connection.poll(_LOOK) and self._process.poll() is None:
                if not wanted():
                    self.close()
                    raise CallEndedError("nobody waits for it any more")
            if not self._connection.poll():  # what it started may keep its end open
                self._connection.close()
            answer: Answer = self._connection.recv()
        except (EOFError, OSError):
            self.close()
            raise ProcessLostError(f"its process {self._ended()}") from None
        self._printed.wait(_LAST)
        return answer

    def close(self) -> None:
        """End it with everything that it started."""
        processes.end(self._process)
        self._connection.close()

    def _ended(self) -> str:
        code: Any = self._process.returncode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            hint = ", perhaps for want of memory" if -code == signal.SIGKILL else ""
            return f"was ended by {name}{hint}"
        return f"ended by itself with exit code {code}"

    def _read(self, stream: IO[bytes]) -> None:
        """Tell what is printed; a progress bar's lines end with a carriage return."""
        rest, mark = b"", self._mark.encode()
        with suppress(OSError, ValueError), stream:
            while block := os.read(stream.fileno(), _BLOCK):
                *lines, rest = _ENDS.split(rest + block)
                if len(rest) > _LONGEST:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    if line == mark:
                        self._printed.set()
                    elif line.strip():
                        self._say(line.decode(errors="replace").rstrip()[:_LONGEST])
