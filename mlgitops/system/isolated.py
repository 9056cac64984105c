"""A process that runs somebody else's code for us: a model that predicts, a recipe's module.

It gets none of this process's variables but those that find libraries, its output is thrown away,
it is ended when it takes too long, and what it answers is read as JSON. That keeps accidents and
simple thieves away, not a determined one: the process has this user's rights.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from mlgitops.errors import IsolatedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext, SpawnContext

_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_KEPT_PREFIXES = ("LC_", "PYTHON")
# one thread each: a small model only waits for more, and serving images do the same
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def call(
    function: Callable[..., Iterable[object]],
    *arguments: object,
    timeout: float,
    context: ForkServerContext | SpawnContext | None = None,
) -> Iterator[Any]:
    """What `function(*arguments)` yields in a process of its own, one after the other.

    Args:
        function: at the top level of a module; what it yields can be written as JSON.
        arguments: can be pickled.
        timeout: seconds for all of it.
        context: what starts the process; None for a new interpreter.

    Raises:
        IsolatedError: it raised an exception, ended early, or took too long. What it yielded
            before has been yielded here.
    """
    starter = context or multiprocessing.get_context("spawn")
    receiver, sender = starter.Pipe(duplex=False)
    given, giver = starter.Pipe(duplex=False)
    process = starter.Process(target=_child, args=(sender, function, given), daemon=True)
    with receiver, giver:
        with variables():
            process.start()
        sender.close()
        given.close()
        try:
            # not with what starts it: to write that, Python waits forever for one that has ended
            with suppress(OSError):  # it has ended; that it does not answer is the error
                giver.send(arguments)
            yield from _received(receiver, timeout)
        finally:
            process.kill()
            process.join()


def _received(receiver: Connection, timeout: float) -> Iterator[Any]:
    deadline = time.monotonic() + timeout
    while True:
        if not receiver.poll(max(0.0, deadline - time.monotonic())):
            raise IsolatedError(f"no answer within {timeout:g} s")
        try:
            message = json.loads(receiver.recv_bytes())
        except EOFError:
            raise IsolatedError("its process ended before it answered") from None
        if "error" in message:
            raise IsolatedError(message["error"])
        if "answer" not in message:
            return
        yield message["answer"]


@contextmanager
def variables() -> Iterator[None]:
    """Only harmless variables, while a process starts that inherits them."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(kept, MLFLOW_DISABLE_TELEMETRY="true", **dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _child(
    sender: Connection, function: Callable[..., Iterable[object]], given: Connection
) -> None:
    """What runs in the process."""
    silent = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silent, stream)
    with sender:
        try:
            for answer in function(*given.recv()):
                sender.send_bytes(json.dumps({"answer": answer}).encode())
            last: dict[str, str] = {}
        except Exception as error:  # noqa: BLE001 - somebody else's code may raise anything
            first = next(iter(str(error).splitlines()), "")
            last = {"error": f"{type(error).__name__}: {first}".removesuffix(": ")}
        sender.send_bytes(json.dumps(last).encode())
