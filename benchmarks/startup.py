"""How long verbs take that need no registry, as whole processes in turn: CPU and wall time.

Those that only print are compared with importing click, which prints what they print; the others
with importing MLflow.
"""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.costs import measured

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = 7
CLICK, MLFLOW = "import click", "import mlflow"
COMMANDS = {
    CLICK: ["-c", CLICK],
    "mlgitops --version": ["-m", "mlgitops", "--version"],
    "mlgitops --help": ["-m", "mlgitops", "--help"],
    MLFLOW: ["-c", MLFLOW],
    "mlgitops validate": ["-m", "mlgitops", "validate"],
}


def measure() -> Iterator[str]:
    """The medians of each command, and of the ratios to the one before it that only imports."""
    rounds = [
        {
            name: measured([sys.executable, *args], folder=Path.cwd(), environment=os.environ)
            for name, args in COMMANDS.items()
        }
        for _ in range(RUNS + 1)
    ]
    counted = rounds[1:]  # the first one warms the file cache
    base = CLICK
    for name in COMMANDS:
        base = name if name in (CLICK, MLFLOW) else base
        said = []
        for kind in ("cpu", "wall"):
            seconds = [(getattr(one[name], kind), getattr(one[base], kind)) for one in counted]
            median = statistics.median(own for own, _ in seconds)
            ratio = statistics.median(own / other for own, other in seconds)
            said.append(f"{kind} {median:6.3f} s {ratio:5.2f} × {base}")
        yield f"{name:18} {'   '.join(said)}"
