"""What runs on a worker of a Dask cluster.

The worker's own process runs nothing but this: each call runs in a process beside it, which has the
variables of whoever asked, and ends with the worker.
"""

from __future__ import annotations

import io
import pickle
import tempfile
import threading
import zipfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import get_worker

from mlgitops.errors import CallEndedError, ClusterError, UnfitWorkersError
from mlgitops.system import secrets
from mlgitops.workers.facts import facts
from mlgitops.workers.fit import PACKAGES
from mlgitops.workers.lines import Lines
from mlgitops.workers.process import Process
from mlgitops.workers.sealed import Reader
from mlgitops.workers.values import Answer, Parcel

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE = 120.0  # seconds for the parcel to come
_ASK = 5.0  # seconds between two times that it is asked for
_IDLE = 60.0  # seconds that a process stays without work


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """A call as it travels; what a scheduler shows of it is its name.

    Attributes:
        session: of whoever asks; also the topic of what is told.
        name: of the call.
        function: what is called.
        arguments: for the function.
        files: which must be on this machine.
    """

    session: str
    name: str
    function: Callable[..., object]
    arguments: tuple[object, ...]
    files: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Errand({self.name!r})"


@dataclass(kw_only=True, slots=True)
class _Session:
    """What this worker has of one who asks."""

    reader: Reader = field(default_factory=Reader)
    parcel: Parcel | None = None
    refused: str = ""
    came: threading.Event = field(default_factory=threading.Event)
    folder: tempfile.TemporaryDirectory[str] | None = None
    idle: list[Process] = field(default_factory=list)
    under_way: int = 0
    ending: threading.Timer | None = None


_SESSIONS: dict[str, _Session] = {}
_LOCK = threading.RLock()


def work(errand: Errand) -> Answer:
    """Do one errand, in a process beside the worker.

    Raises:
        ProcessLostError: it ended before it answered; another try may do better.
        ClusterError: what the process needs did not come.
        UnfitWorkersError: this worker joined later and has other packages.
        CallEndedError: nobody waits for it any more.
    """
    worker = get_worker()
    task, tell = worker.get_current_task(), partial(worker.log_event, errand.session)
    tell({"kind": "begun", "name": errand.name})
    session = _begun(errand.session)
    try:
        parcel = _parcel(errand, session, worker)
        process = _process(session, parcel, worker.local_directory)
        hidden = secrets.hidden_of(parcel.variables)
        with Lines(lambda found: tell(_printed(errand, found)), hidden) as lines:
            answer = process.call(
                errand.function,
                errand.arguments,
                say=lines.add,
                wanted=lambda: _is_wanted(worker, task),
            )
        with _LOCK:
            session.idle.append(process)
        return Answer(value=answer.value, problem=answer.problem and hidden(answer.problem))
    finally:
        _done(errand.session)


def _printed(errand: Errand, lines: list[str]) -> dict[str, Any]:
    return {"kind": "printed", "name": errand.name, "lines": lines}


def _is_wanted(worker: Any, task: object) -> bool:
    """Whether the scheduler still knows of somebody who waits: a client that is gone does not."""
    found = worker.state.tasks.get(task)
    return found is not None and found.state not in ("cancelled", "released", "forgotten")


def _begun(name: str) -> _Session:
    with _LOCK:
        session = _SESSIONS.setdefault(name, _Session())
        session.under_way += 1
        if session.ending:
            session.ending.cancel()
        return session


def _done(name: str) -> None:
    with _LOCK:
        session = _SESSIONS[name]
        session.under_way -= 1
        if not session.under_way:
            session.ending = threading.Timer(_IDLE, close, (name,))
            session.ending.daemon = True
            session.ending.start()


def _parcel(errand: Errand, session: _Session, worker: Any) -> Parcel:
    task = worker.get_current_task()
    asking = {
        "kind": "needs",
        "worker": worker.address,
        "public": session.reader.public.hex(),
        "facts": facts(PACKAGES, errand.files),
    }
    left = _PATIENCE
    while not session.came.is_set() and left > 0:
        worker.log_event(errand.session, asking)
        session.came.wait(_ASK)
        left -= _ASK
        if not _is_wanted(worker, task):
            raise CallEndedError("nobody waits for it any more")
    if session.refused:
        raise UnfitWorkersError(session.refused)
    if session.parcel is None:
        raise ClusterError(f"{worker.address} did not get what it asked for; is it reachable?")
    return session.parcel


def receive(session: str, sealed: bytes, refused: str) -> None:
    """Take what was asked for: a parcel, or why there is none."""
    with _LOCK:
        found = _SESSIONS.get(session)
    if found is None or found.came.is_set():
        return
    if refused:
        found.refused = refused
    else:
        found.parcel = pickle.loads(found.reader.opened(sealed))  # noqa: S301 - from who sends work
    found.came.set()


def _process(session: _Session, parcel: Parcel, folder: str) -> Process:
    with _LOCK:
        if session.idle:
            return session.idle.pop()
        if session.folder is None:
            session.folder = tempfile.TemporaryDirectory(prefix="mlgitops-", dir=folder)
            if parcel.code:
                with zipfile.ZipFile(io.BytesIO(parcel.code)) as archive:
                    archive.extractall(session.folder.name)
        return Process(parcel.variables, Path(session.folder.name))


def close(name: str) -> None:
    """End what this worker has of one who asked."""
    with _LOCK:
        session = _SESSIONS.get(name)
        if session is None or session.under_way:
            return
        del _SESSIONS[name]
    for process in session.idle:
        process.close()
    if session.folder is not None:
        session.folder.cleanup()


def under_way(name: str) -> int:
    """How many calls of one who asked run here."""
    with _LOCK:
        session = _SESSIONS.get(name)
        return session.under_way if session else 0
