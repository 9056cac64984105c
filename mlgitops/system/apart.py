"""The server of `mlgitops.system.isolated`: it runs somebody else's code, one call after another.

It starts without a secret in its variables or its memory, imports what the code will need once, and
forks for each call: a process that watches, and the one that runs the code. The watcher keeps the
limits of time and size over the whole answer, and ends everything that the code started.

Frames on standard input and output: eight bytes of length, then so many bytes. For calls at the
same time there are twins: forks that have imported all this one has, each with a socket for both.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import pickle
import resource
import select
import signal
import site
import socket
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mlgitops.system import namespaces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

LENGTH = struct.Struct(">Q")
LONGEST = 500  # characters of what an exception says
_TICK = 0.1  # seconds between looks at whether the process has ended
_BLOCK = 1 << 16
_PROCESSES = 256  # at once
_MEBIBYTE = 1 << 20
_SET_CHILD_SUBREAPER = 36
_STDIN, _ANSWER = 0, 3  # files; the second one only in the process that runs the code
ENDED = "its process ended before it answered"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """One call: pickled function and arguments, and what it is held to.

    Attributes:
        path: where modules are found; None for Python's own alone.
        packages: a folder of more, whose code runs in the process alone; empty for none.
        preload: modules that the process imports before it calls the function.
    """

    code: bytes
    timeout: float
    most: int
    shown: tuple[str, ...]
    path: tuple[str, ...] | None
    packages: str
    preload: tuple[str, ...]
    home: str
    folder: str
    apart: bool
    owner: tuple[int, int] | None


def serve(given: Mapping[str, Any]) -> NoReturn:
    """Say whether code runs apart on this machine, then run what comes until the input ends."""
    _leave_with(lambda: _serve(given))  # freeing all it has imported takes longer than many a call


def _serve(given: Mapping[str, Any]) -> None:
    output = os.dup(1)
    os.set_inheritable(output, False)
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(silent, stream)
    owner = tuple(given["owner"]) if given["owner"] else None
    common = {"home": given["home"], "owner": owner}
    own = (sys.base_prefix, sys.base_exec_prefix)
    trial = _Job(
        code=pickle.dumps((list, ())),
        timeout=given["trial"],
        most=_BLOCK,
        shown=(*given["shown"], *own),
        path=(),
        packages="",
        preload=(),
        folder="/",
        apart=True,
        **common,
    )
    denied = _denied(trial)
    _send(output, {"denied": denied})
    _import(given["preload"])
    gc.freeze()  # forks share these pages until somebody looks through them for garbage
    while (head := _frame()) is not None and (code := _frame()) is not None:
        asked = json.loads(head)
        if "twin" in asked:
            output = _twin(asked["twin"], output)
            continue
        job = _Job(
            code=code,
            timeout=asked["timeout"],
            most=asked["most"],
            shown=(*asked["shown"], *own),
            path=None if asked["path"] is None else tuple(asked["path"]),
            packages=asked["packages"],
            preload=tuple(asked["preload"]),
            folder=asked["folder"],
            apart=not denied,
            **common,
        )
        watcher = os.fork()
        if watcher == 0:
            _leave_with(lambda job=job, output=output: _answer(job, output))
        if os.waitpid(watcher, 0)[1]:
            return  # what it wrote cannot be relied on
    with suppress(ChildProcessError):  # twins, whose callers are gone, too
        while True:
            os.wait()


def _twin(place: str, output: int) -> int:
    """Fork a server that takes frames from a socket, and answers there; each with its output."""
    if os.fork():
        return output
    os.close(output)
    link = socket.socket(socket.AF_UNIX)
    try:
        link.connect(place)
    except OSError:  # nobody waits for it any more
        os._exit(1)
    os.dup2(link.fileno(), _STDIN)
    return link.detach()


def _import(modules: Iterable[str]) -> None:
    for name in modules:
        with suppress(ImportError):
            importlib.import_module(name)


def _denied(trial: _Job) -> str:
    """Why code cannot run apart here; empty if it can."""
    if sys.platform != "linux":
        return f"{sys.platform} has no namespaces"
    reader, writer = os.pipe()
    watcher = os.fork()
    if watcher == 0:
        _leave_with(lambda: _all(writer, _trouble(trial).encode()))
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        said = stream.read()
    failed = os.waitpid(watcher, 0)[1]
    return said.decode() or ("the trial failed" if failed else "")


def _trouble(trial: _Job) -> str:
    try:
        reason, data = _watched(trial)
    except OSError as error:
        return str(error)
    said = json.loads(data or b"null")
    return str(said["error"]) if said else "" if said == {} else reason


def _answer(job: _Job, output: int) -> None:
    try:
        reason, data = _watched(job)
    except OSError as error:
        reason, data = f"cannot run it apart: {error}", b""
    _send(output, {"reason": reason}, data)


def _leave_with(work: Any) -> NoReturn:
    """Do something as the last thing of a process."""
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def _watched(job: _Job) -> tuple[str, bytes]:
    """Why the answer is not whole, if it is not, and what there is of it."""
    if job.apart:
        namespaces.leave(job.owner)
    elif sys.platform == "linux":  # what outlives its parent becomes a child of this process
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    crowd = _crowd()  # before the other one's root becomes this one's, too
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        _leave_with(lambda: _run(job, writer))
    os.close(writer)
    try:
        reason, data = _collected(reader, process, job, crowd)
    finally:
        status = _end(process)
    return _explained(reason, status), data


def _explained(reason: str, status: int) -> str:
    """With the signal that ended the process, unless it is the one that this one sends."""
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else signal.SIGKILL
    if reason != ENDED or number == signal.SIGKILL:
        return reason
    return f"{reason}: {signal.strsignal(number) or number}"


def _collected(reader: int, process: int, job: _Job, crowd: Callable[[], int]) -> tuple[str, bytes]:
    deadline = time.monotonic() + job.timeout
    data = bytearray()
    os.set_blocking(reader, False)
    ended = False
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return f"no answer within {job.timeout:g} s", bytes(data)
        ready = select.select([reader, _STDIN], [], [], 0 if ended else min(left, _TICK))[0]
        if _STDIN in ready:
            return "nobody waits for it", b""
        block = os.read(reader, _BLOCK) if reader in ready else None
        if block == b"" or (block is None and ended):
            return ENDED, bytes(data)
        data += block or b""
        if len(data) > job.most:
            return f"its answer is larger than {job.most // _MEBIBYTE} MiB", bytes(data)
        if crowd() > _PROCESSES:
            return f"it started more than {_PROCESSES} processes", bytes(data)
        ended = ended or _has_ended(process)


def _has_ended(process: int) -> bool:
    """Whether a process has ended although its pipe is open; its number is not given back yet."""
    if not hasattr(os, "waitid"):  # macOS: the limit of time ends that, too
        return False
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _crowd() -> Callable[[], int]:
    """What counts the processes apart, once this one sees their /proc; root has no other limit."""
    proc = Path("/proc")
    outside = proc.stat().st_dev if proc.exists() else None

    def counted() -> int:
        with suppress(OSError):  # it is not there yet
            if proc.stat().st_dev != outside:
                return sum(one.name.isdigit() for one in proc.iterdir())
        return 0

    return counted


def _end(process: int) -> int:
    """End the process with all it started; apart, they end with the first one.

    Returns:
        Its status, as `os.waitpid` gives it.
    """
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)
    status = os.waitpid(process, 0)[1]
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    with suppress(OSError):  # only Linux tells
        while left := children.read_text(encoding="utf-8").split():
            for one in map(int, left):
                os.kill(one, signal.SIGKILL)
                os.waitpid(one, 0)
    return status


def _run(job: _Job, writer: int) -> None:
    """What runs in the process: somebody else's code comes last."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDWR), _STDIN)
    if writer != _ANSWER:
        os.dup2(writer, _ANSWER)
    os.closerange(_ANSWER + 1, os.sysconf("SC_OPEN_MAX"))
    try:
        _limit(job)
        if job.apart:
            namespaces.enter(job.shown, job.home, job.owner)
            os.environ.update(HOME="/tmp", TMPDIR="/tmp")  # noqa: S108 - its own
        with suppress(OSError):
            os.chdir(job.folder)
        if job.path is not None:
            sys.path[:] = job.path
        if job.packages:  # what they ask to run at the start of Python, too
            site.addsitedir(job.packages)
        _import(job.preload)
        function, arguments = pickle.loads(job.code)  # noqa: S301 - written by `isolated`
        for answer in function(*arguments):
            _write({"answer": answer})
        _write({})
    except BaseException as error:  # noqa: BLE001 - somebody else's code may raise anything
        _write({"error": _said(error)})


def _limit(job: _Job) -> None:
    """Bound what the process may take, whatever it does."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4
    limits = {
        "CORE": 0,
        "CPU": int(job.timeout * 4) + 10,  # threads count each
        "DATA": memory,  # not AS: libraries reserve much more than they use
        "FSIZE": 256 * _MEBIBYTE,
        "NOFILE": 1024,
    }
    if job.apart:
        limits["NPROC"] = _PROCESSES  # else all processes of this user would count
    for name, most in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, limit))
    with suppress(OSError):  # rather this one than any other
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="utf-8")


def _said(error: BaseException) -> str:
    try:
        first = next(iter(str(error)[: 4 * LONGEST].splitlines()), "")
    except BaseException:  # noqa: BLE001 - its text is somebody else's code, too
        first = "its text cannot be read"
    said = f"{type(error).__name__}: {first}".removesuffix(": ")[:LONGEST]
    return said.encode(errors="replace").decode()


def _write(message: Mapping[str, object]) -> None:
    _all(_ANSWER, json.dumps(message).encode() + b"\n")


def _send(output: int, head: Mapping[str, object], *rest: bytes) -> None:
    for part in (json.dumps(head).encode(), *rest):
        _all(output, LENGTH.pack(len(part)) + part)


def _all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _frame() -> bytes | None:
    """The next frame of the input; None at its end."""
    head = _exactly(LENGTH.size)
    return None if head is None else _exactly(*LENGTH.unpack(head))


def _exactly(size: int) -> bytes | None:
    found = bytearray()
    while len(found) < size:
        if not (block := os.read(_STDIN, min(_BLOCK * 16, size - len(found)))):
            return None
        found += block
    return bytes(found)
