"""A process that runs somebody else's code for us: a model that predicts, a recipe's module.

It gets none of this process's variables but those that find libraries, its output is thrown away,
and time, size and everything else that it may take are bounded. On Linux it runs in namespaces of
its own, where it can read Python and what it is given, and nothing else; `denied` says why it does
not. Elsewhere it has this user's rights, which keeps accidents away and no attacker.
"""

from __future__ import annotations

import atexit
import json
import os
import pickle
import select
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any

from mlgitops.errors import IsolatedError
from mlgitops.system import parcels
from mlgitops.system.apart import ENDED, LENGTH, LONGEST
from mlgitops.system.processes import THREADS
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import IO

_KEPT = ("PATH", "LANG", "SYSTEMROOT", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_KEPT_PREFIXES = ("LC_", "PYTHON")
_MOST = 16 << 20  # bytes of an answer
_START = 60.0  # seconds until the server says that it is there
_LATE = 60.0  # seconds that the server may take beyond its limit, imports included
_TRIAL = 10.0  # seconds
_GRACE = 5.0  # seconds for the server to end
_LOOK = 0.5  # seconds between looks at whether it has ended
_SHORT = "/tmp"  # noqa: S108 - the path of a socket has 100 characters; its folder is private
_PACKAGE = Path(__file__).parent.parent
_SERVERS: dict[tuple[tuple[str, ...], Path | None], _Server] = {}
_STARTING = Lock()
_MODULE = """import json, sys
given = json.loads(sys.argv[1])
sys.path.insert(0, given["root"])
import mlgitops
del sys.path[0]
from mlgitops.system import apart
apart.serve(given)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Elsewhere:
    """Another Python for code that needs packages which are not this process's.

    Attributes:
        python: its executable, of 3.10 or later; what is installed for it is not found.
        packages: the folder with all packages.
    """

    python: Path
    packages: Path


def call(
    function: Callable[..., Iterable[object]],
    *arguments: object,
    timeout: float,
    readable: Iterable[str | Path] = (),
    preload: tuple[str, ...] = (),
    elsewhere: Elsewhere | None = None,
) -> Iterator[Any]:
    """What `function(*arguments)` yields in a process of its own, one after the other.

    What it yields is JSON and nobody's word but that of the code: check its form.

    Args:
        function: at the top level of a module; what it yields can be written as JSON.
        arguments: can be pickled; elsewhere, tables, arrays and values of Python's own.
        timeout: seconds for all of it.
        readable: files and folders that it reads, beside Python's own.
        preload: modules that are imported once for all calls with the same ones; elsewhere, by each
            call: no package's code runs but apart.
        elsewhere: where it runs; None for this Python and its packages.

    Raises:
        IsolatedError: it raised an exception, ended early, took too long, or its answer is none
            or too large. What it yielded before has been yielded here.
    """
    head = {
        "timeout": timeout,
        "most": _MOST,
        "shown": [*_shown(elsewhere), *(str(Path.cwd() / path) for path in readable)],
        "path": None if elsewhere else [folder for folder in sys.path if folder],
        "packages": str(elsewhere.packages) if elsewhere else "",
        "preload": preload if elsewhere else (),
        "folder": str(Path.cwd()),
    }
    code = (parcels.packed if elsewhere else pickle.dumps)((function, arguments))
    server = _server((), elsewhere.python) if elsewhere else _server(preload)
    reason, data = server.ask(head, code, timeout)
    for line in data.split(b"\n")[:-1]:
        message = _message(line)
        if not message:
            return
        yield message["answer"]
    raise IsolatedError(reason)


def denied(preload: tuple[str, ...]) -> str:
    """Why the code of calls with `preload` does not run apart here; empty if it does."""
    return _server(preload).denied


def _server(preload: tuple[str, ...], python: Path | None = None) -> _Server:
    """The one that is there for calls with `preload` and another Python, or a new one."""
    with _STARTING:
        found = _SERVERS.get((preload, python))
        if found is None or not found.is_there:
            found = _SERVERS[preload, python] = _started(preload, python)
        return found


def end() -> None:
    """End all calls of other threads, which are errors there, with what they started."""
    with _STARTING:
        while _SERVERS:
            _SERVERS.popitem()[1].close()


def _started(preload: tuple[str, ...], python: Path | None) -> _Server:
    found = _Server(preload, python)
    # GitHub's runners allow namespaces to root only, and let everybody be root
    if found.denied and os.environ.get("GITHUB_ACTIONS") == "true" and which("sudo"):
        with suppress(IsolatedError):
            better = _Server(preload, python, as_root=True)
            found.close()
            return better
    return found


def environment() -> dict[str, str]:
    """The harmless variables, which the code sees."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    # one thread each: a small model only waits for more, and serving images do the same
    return {**kept, "MLFLOW_DISABLE_TELEMETRY": "true", **dict.fromkeys(THREADS, "1")}


def _shown(elsewhere: Elsewhere | None = None) -> list[str]:
    """Where Python, its libraries and this package are; no folder of the user's as a whole."""
    if elsewhere:  # another Python says itself where it is
        return [str(elsewhere.packages), str(_PACKAGE)]
    around = {*Path.cwd().parents, Path.cwd(), *Path.home().parents, Path.home()}
    libraries = [*sys.path, *os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)]
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    own = [folder for folder in libraries if folder and Path(folder) not in around]
    return sorted({*prefixes, *own, str(_PACKAGE)})


def _message(line: bytes) -> dict[str, Any]:
    """One line of what the process says; empty if it has said all.

    Raises:
        IsolatedError: it says that it failed, or nothing that can be understood.
    """
    try:
        message: Any = json.loads(line)
        json.dumps(message, ensure_ascii=False).encode()  # half a character is none
    except (ValueError, RecursionError):
        raise IsolatedError("its answer cannot be read") from None
    match message:
        case {"error": str(said)}:
            raise IsolatedError(one_line(said[: 4 * LONGEST])[:LONGEST])
        case {"answer": answer}:
            return {"answer": answer}
        case dict() if not message:
            return {}
    raise IsolatedError("its answer cannot be read")


class _Line:
    """Frames to a process that answers one call after another, and back."""

    def __init__(
        self, reader: IO[bytes], writer: IO[bytes], link: socket.socket | None = None
    ) -> None:
        self._reader, self._writer, self._link = reader, writer, link

    def ask(self, head: Mapping[str, object], code: bytes, deadline: float) -> tuple[str, bytes]:
        """Why the answer is not whole, if it is not, and what there is of it."""
        self.send(head, code)
        said = json.loads(self.frame(deadline))
        return str(said["reason"]), self.frame(deadline)

    def send(self, head: Mapping[str, object], code: bytes) -> None:
        """Say what is to be done."""
        try:
            for part in (json.dumps(head).encode(), code):
                self._writer.write(LENGTH.pack(len(part)) + part)
            self._writer.flush()
        except (OSError, ValueError):  # it has ended; another thread closed it
            raise IsolatedError(ENDED) from None

    def frame(self, deadline: float) -> bytes:
        """What comes back until a moment of the monotonic clock."""
        (size,) = LENGTH.unpack(self._exactly(LENGTH.size, deadline))
        return self._exactly(size, deadline)

    def close(self) -> None:
        """Let the other end know that nobody waits any more, and a thread that does."""
        if self._link:
            with suppress(OSError):  # to close a file wakes nobody who waits for it
                self._link.shutdown(socket.SHUT_RDWR)
            self._link.close()
        for file in (self._writer, self._reader):
            with suppress(OSError):
                file.close()

    def _exactly(self, size: int, deadline: float) -> bytes:
        found = bytearray()
        try:
            file = self._reader.fileno()
            while len(found) < size:
                if not select.select([file], [], [], max(0.0, deadline - time.monotonic()))[0]:
                    raise IsolatedError("no answer in time")
                if not (block := os.read(file, size - len(found))):
                    raise IsolatedError(ENDED)
                found += block
        except (OSError, ValueError):
            raise IsolatedError(ENDED) from None
        return bytes(found)


class _Server:
    """`mlgitops.system.apart` in a process of its own, until this one ends.

    Attributes:
        denied: why it does not run code apart; empty if it does.
    """

    def __init__(
        self, preload: tuple[str, ...], python: Path | None, *, as_root: bool = False
    ) -> None:
        given = {
            "root": str(_PACKAGE.parent),
            "shown": [str(_PACKAGE)] if python else _shown(),
            "home": str(Path.home()),
            "owner": [os.getuid(), os.getgid()] if as_root else None,
            "preload": preload,
            "trial": _TRIAL,
        }
        # without `site`: what others installed there would run here, with what this user may do
        program = [str(python), "-S", "-B"] if python else [sys.executable]
        command = [*program, "-I", "-c", _MODULE, json.dumps(given)]
        if as_root:
            variables = [f"{name}={value}" for name, value in environment().items()]
            command = ["sudo", "-n", "env", "-i", *variables, *command]
        self._lock = Lock()
        self._idle: list[_Line] = []
        self._busy: list[_Line] = []
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._main = _Line(self._process.stdout, self._process.stdin)
        atexit.register(self.close)
        try:
            self.denied = str(json.loads(self._main.frame(time.monotonic() + _START))["denied"])
        except IsolatedError:
            self.close()
            raise

    @property
    def is_there(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, head: Mapping[str, object], code: bytes, timeout: float) -> tuple[str, bytes]:
        """Why the answer is not whole, if it is not, and what there is of it."""
        deadline = time.monotonic() + timeout + _LATE
        with self._lock:
            line = self._idle.pop() if self._idle else self._twin(deadline)
            self._busy.append(line)
        try:
            found = line.ask(head, code, deadline)
        except BaseException:  # what it answers later would be taken for another answer
            line.close()
            raise
        else:
            self._idle.append(line)
        finally:
            self._busy.remove(line)
        return found

    def close(self) -> None:
        """End it with whatever it runs."""
        atexit.unregister(self.close)
        for line in (*self._busy, *self._idle, self._main):
            line.close()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            with suppress(PermissionError):  # that of sudo
                self._process.kill()
                self._process.wait()

    def _twin(self, deadline: float) -> _Line:
        """A line to a fork of it, which answers beside the others."""
        with TemporaryDirectory(prefix="mlgitops-", dir=_SHORT) as folder:
            place = f"{folder}/twin"  # nobody else can look into the folder
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(place)
                listener.listen(1)
                listener.settimeout(_LOOK)
                self._main.send({"twin": place}, b"")
                link = self._accepted(listener, deadline)
        link.settimeout(None)
        return _Line(link.makefile("rb"), link.makefile("wb"), link)

    def _accepted(self, listener: socket.socket, deadline: float) -> socket.socket:
        while self.is_there:
            with suppress(TimeoutError):
                return listener.accept()[0]
            if time.monotonic() > deadline:
                raise IsolatedError("no answer in time")
        raise IsolatedError(ENDED)
