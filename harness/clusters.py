"""A Dask cluster of several processes on this machine."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from harness import training
from mlgitops.errors import ClusterError
from mlgitops.system import waiting
from mlgitops.system.ports import LOOPBACK
from mlgitops.system.processes import Started, started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_START = 120.0  # seconds
_THERE = "Registered to:"  # what a worker logs once its scheduler knows it


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalCluster:
    """A scheduler and its workers, each a process without a nanny: one that is killed stays dead.

    Attributes:
        file: the scheduler file.
        address: the scheduler's.
        scheduler: its process.
        workers: their processes.
    """

    file: Path
    address: str
    scheduler: Started
    workers: tuple[Started, ...]


@contextmanager
def cluster(
    folder: Path,
    workers: int,
    environment: Mapping[str, str] | None = None,
    certificates: Path | None = None,
) -> Iterator[LocalCluster]:
    """Run a cluster until the block ends; ports are free ones of loopback.

    Args:
        folder: for logs and the scheduler file.
        workers: how many processes, of one thread each.
        environment: variables of the workers on top of those of this process.
        certificates: a folder of `training.certificates`, to speak TLS; None for none.
    """
    tls = training.variables(certificates, "scheduler", "worker") if certificates else {}
    file = folder / "scheduler.json"
    python = (sys.executable, "-P", "-m")
    protocol = ("--protocol", "tls") if certificates else ()
    bound = ("--host", LOOPBACK, "--dashboard-address", f"{LOOPBACK}:0", *protocol)
    with ExitStack() as stack:
        scheduler = stack.enter_context(
            started(
                [
                    *(*python, "distributed.cli.dask_scheduler", *bound, "--port", "0"),
                    *("--scheduler-file", str(file)),
                ],
                folder / "scheduler.log",
                environment=tls,
            )
        )
        _ready(scheduler, file.exists)
        found = [
            stack.enter_context(
                started(
                    [
                        *(*python, "distributed.cli.dask_worker", *bound, "--no-nanny"),
                        *("--scheduler-file", str(file), "--nthreads", "1"),
                        *("--local-directory", str(folder / f"worker-{number}")),
                    ],
                    folder / f"worker-{number}.log",
                    environment={**(environment or {}), **tls},
                )
            )
            for number in range(workers)
        ]
        for one in found:
            _ready(one, partial(_is_there, one))
        address = json.loads(file.read_text())["address"]
        yield LocalCluster(file=file, address=address, scheduler=scheduler, workers=tuple(found))


def _is_there(worker: Started) -> bool:
    return _THERE in worker.log.read_text()


def _ready(process: Started, is_ready: Callable[[], bool]) -> None:
    waiting.until_ready("Dask", process, is_ready, timeout=_START, error=ClusterError)
