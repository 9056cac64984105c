"""What the status site of ten thousand models costs: built anew, and again when nothing changed.

CPU and wall time of the whole process, the requests that the server's own log counts, the files
and their size. The seeded runs have no metrics. MLflow's server is on SQLite.
MLGITOPS_BENCH_MODELS=1000 measures another size.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from benchmarks.reconcile import declared, filled
from benchmarks.reconcile.engines import ROOT, environment
from harness.costs import measured

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def measure() -> Iterator[str]:
    """The lines of the table; what is being done is told on the error output."""
    count = int(os.environ.get("MLGITOPS_BENCH_MODELS", "10000"))
    with filled.registry(count) as (server, file):
        declared.spread(file, declared.plain(count), 1)
        public = file.parent.parent / "public"
        command = [sys.executable, "-m", "mlgitops", "site", str(public)]
        given = {**environment(), "MLFLOW_TRACKING_URI": server.url, "PYTHONPATH": str(ROOT)}
        for what in ("anew", "again"):
            begun = _now(public)
            with server.watched() as seen:
                cost = measured(command, folder=file.parent, environment=given)
            found = [one.stat() for one in public.rglob("*") if one.is_file()]
            written = sum(one.st_mtime_ns > begun for one in found)
            yield (
                f"site of {count:,} models, {what}: {cost.cpu:.1f} s of CPU, "
                f"{cost.wall:.0f} s, {cost.peak:.0f} MiB, {len(seen)} requests, "
                f"{len(found):,} files ({written:,} written), "
                f"{sum(one.st_size for one in found) / 1e6:.0f} MB"
            )


def _now(folder: Path) -> int:
    """The time of the newest file, in nanoseconds; 0 if there is none."""
    return max((one.stat().st_mtime_ns for one in folder.rglob("*")), default=0)
