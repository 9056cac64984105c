"""How long verbs take that need no registry, as whole processes in turn: CPU and wall time.

Those that only print are compared with importing click, which prints what they print; the others
with importing MLflow.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

RUNS = 7
CLICK, MLFLOW = "import click", "import mlflow"
COMMANDS = {
    CLICK: ["-c", CLICK],
    "mlgitops --version": ["-m", "mlgitops", "--version"],
    "mlgitops --help": ["-m", "mlgitops", "--help"],
    MLFLOW: ["-c", MLFLOW],
    "mlgitops validate": ["-m", "mlgitops", "validate"],
}


class Took(NamedTuple):
    """Seconds of a process and of those that it waited for."""

    cpu: float
    wall: float


def took(command: Sequence[str], folder: Path | None = None) -> Took:
    """What a command takes, run in this folder."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Took(used.ru_utime + used.ru_stime, wall)


def measure() -> Iterator[str]:
    """The medians of each command, and of the ratios to the one before it that only imports."""
    rounds = [
        {name: took([sys.executable, *args]) for name, args in COMMANDS.items()}
        for _ in range(RUNS + 1)
    ]
    counted = rounds[1:]  # the first one warms the file cache
    base = CLICK
    for name in COMMANDS:
        base = name if name in (CLICK, MLFLOW) else base
        said = []
        for index, kind in enumerate(Took._fields):
            median = statistics.median(one[name][index] for one in counted)
            ratio = statistics.median(one[name][index] / one[base][index] for one in counted)
            said.append(f"{kind} {median:6.3f} s {ratio:5.2f} × {base}")
        yield f"{name:18} {'   '.join(said)}"
