"""How long the offline verbs take, against importing MLflow, as whole processes in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = 7
COMMANDS = {
    "import mlflow": ["-c", "import mlflow"],
    "mlgitops --help": ["-m", "mlgitops", "--help"],
    "mlgitops validate": ["-m", "mlgitops", "validate"],
}


def seconds(arguments: list[str]) -> float:
    """The wall time of one Python process."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def measure() -> Iterator[str]:
    """The median of each command, and its ratio to importing MLflow, run by run."""
    rounds = [{name: seconds(args) for name, args in COMMANDS.items()} for _ in range(RUNS + 1)]
    counted = rounds[1:]  # the first one warms the file cache
    for name in COMMANDS:
        median = statistics.median(one[name] for one in counted)
        ratio = statistics.median(one[name] / one["import mlflow"] for one in counted)
        yield f"{name:18} {median:6.2f} s   {ratio:5.2f} × import mlflow"
