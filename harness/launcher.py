"""Run a command and write what it cost, as JSON, into a file: `python launcher.py FILE COMMAND...`.

A process of its own, and a small one: Linux counts the memory of the process that starts another
into the other's peak.
"""

import ctypes
import json
import os
import subprocess
import sys
import time
from contextlib import suppress

_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Run the command to its end."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    begun = time.perf_counter()
    process = subprocess.Popen(sys.argv[2:])
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    cpu = used.ru_utime + used.ru_stime
    with suppress(ChildProcessError):
        while True:  # what it started and did not wait for
            _, _, more = os.wait4(-1, 0)
            cpu += more.ru_utime + more.ru_stime
    cost = {
        "wall": wall,
        "cpu": cpu,
        "peak": used.ru_maxrss / 1024,
        "code": os.waitstatus_to_exitcode(status),
    }
    with open(sys.argv[1], "w", encoding="utf-8") as stream:  # noqa: PTH123 (quicker to start)
        json.dump(cost, stream)


if __name__ == "__main__":
    main()
