"""What whole processes cost: CPU, time and memory, those that they started included."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.system.processes import ended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO

_LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What one process cost.

    Attributes:
        cpu: seconds of CPU, of the user and the system.
        wall: seconds from its start to its end.
        peak: the most memory that it, or a process that it started, held at a time; MiB.
    """

    cpu: float
    wall: float
    peak: float

    def scaled(self, idle: Cost, scale: float) -> Cost:
        """What so many times the work would cost, given what none of it costs."""
        return Cost(
            cpu=idle.cpu + (self.cpu - idle.cpu) * scale,
            wall=idle.wall + (self.wall - idle.wall) * scale,
            peak=self.peak,
        )


class CommandFailedError(Exception):
    """A measured command failed or took too long; with its last lines."""


def measured(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], timeout: float = 900
) -> Cost:
    """Run a command to its end.

    Args:
        command: with its arguments.
        folder: what it runs in.
        environment: all its variables.
        timeout: seconds after which it is ended.

    Raises:
        CommandFailedError: it did not end with code 0, or not in time.
    """
    with tempfile.TemporaryDirectory(prefix="mlgitops-") as made, tempfile.TemporaryFile() as said:
        result = Path(made) / "cost.json"
        launched = subprocess.Popen(
            [sys.executable, "-S", "-E", str(_LAUNCHER), str(result), *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with ended(launched):
            try:
                launched.wait(timeout)
            except subprocess.TimeoutExpired:
                raise _failed(command, f"took more than {timeout:g} s", said) from None
        cost = json.loads(result.read_text())
        if cost.pop("code"):
            raise _failed(command, "failed", said)
    return Cost(**cost)


def _failed(command: Sequence[str], how: str, said: IO[bytes]) -> CommandFailedError:
    said.seek(0)
    lines = said.read().decode(errors="replace").splitlines()[-20:]
    return CommandFailedError("\n".join([f"{' '.join(command)} {how}:", *lines]))


def least(costs: Sequence[Cost]) -> Cost:
    """The least of each over several runs: what disturbs a run only adds to it."""
    return Cost(
        cpu=min(cost.cpu for cost in costs),
        wall=min(cost.wall for cost in costs),
        peak=min(cost.peak for cost in costs),
    )
