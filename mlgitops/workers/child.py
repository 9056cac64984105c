"""What runs in a process of `mlgitops.workers.process`: one call after another.

It ends when its parent does: whoever wants the answer is gone.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, NoReturn

from mlgitops.errors import MlgitopsError
from mlgitops.system import signals
from mlgitops.words import one_line
from mlgitops.workers.values import Answer

_GRACE = 10.0  # seconds in which a call is to unwind after its parent has gone


def main(file: int) -> None:
    """Answer calls that arrive on a connection until it is closed."""
    # first: a process that is ended before it has imported MLflow has nothing to unwind
    signals.unwind_on_term()
    connection: Connection[Any, Any] = Connection(file)
    os.set_inheritable(file, False)  # what a call starts must not keep it open
    calls: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, calls), daemon=True).start()
    while (asked := calls.get()) is not None:
        mark, call = asked
        answer = _answered(call)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os.write(1, f"\n{mark}\n".encode())  # all that it printed stands before this
        connection.send(answer)


def _listen(connection: Connection[Any, Any], calls: SimpleQueue[Any]) -> None:
    try:
        while True:
            calls.put(connection.recv())
    except (EOFError, OSError):
        calls.put(None)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE)
        _end()


def _end() -> NoReturn:
    """End everything that this process started, and the process itself."""
    os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _answered(call: bytes) -> Answer:
    try:
        function, arguments = pickle.loads(call)  # noqa: S301 - of the parent
        return Answer(value=function(*arguments))
    except MlgitopsError as error:
        return Answer(problem=str(error))
    except Exception as error:  # noqa: BLE001 - it is told at home, where others go on
        return Answer(problem=f"{type(error).__name__}: {one_line(error)}")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except (signals.Terminated, KeyboardInterrupt):
        sys.exit(143)
