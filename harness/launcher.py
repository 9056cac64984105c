"""Run a command and write what it cost, as JSON, into a file: `python launcher.py FILE COMMAND...`.

A process of its own, and a small one: Linux counts the memory of the process that starts another
into the other's peak.
"""

import json
import os
import subprocess
import sys
import time


def main() -> None:
    """Run the command to its end."""
    begun = time.perf_counter()
    process = subprocess.Popen(sys.argv[2:])
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    cost = {
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss / 1024,
        "code": os.waitstatus_to_exitcode(status),
    }
    with open(sys.argv[1], "w", encoding="utf-8") as stream:  # noqa: PTH123 (quicker to start)
        json.dump(cost, stream)


if __name__ == "__main__":
    main()
