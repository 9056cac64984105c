"""What the status site of ten thousand models costs: built anew, again, and searched.

CPU and wall time of the whole process, the requests that the server's own log counts, the files
and their size. The seeded runs have no metrics. MLflow's server is on SQLite.
MLGITOPS_BENCH_MODELS=1000 measures another size. A search is what a reader waits for in Chromium:
a page is opened by a link until it has its rows; the least of five.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.reconcile import declared, filled
from benchmarks.reconcile.engines import ROOT, environment
from harness.costs import measured
from harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.chromium import Window


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
        yield from _searched(public, count)


def _searched(public: Path, count: int) -> Iterator[str]:
    """How long a reader waits for the first page, and for a search."""
    from harness.chromium import window
    from mlgitops.site.serve import server

    with server(public, 0) as made, tempfile.TemporaryDirectory(prefix="mlgitops-bench-") as name:
        threading.Thread(target=made.serve_forever).start()
        try:
            with window(Path(name)) as shown:
                page = f"http://127.0.0.1:{made.server_port}/index.html"
                for what, address in (("first page", page), ("search", f"{page}?q={count - 1}")):
                    seconds = min(_opened(shown, address) for _ in range(5))
                    yield f"{what} of {count:,} models in Chromium: {seconds:.2f} s"
        finally:
            made.shutdown()


def _opened(shown: Window, address: str) -> float:
    """Seconds until the page that is opened has its rows."""
    begun = time.monotonic()
    shown.open_url(address, width=1280)
    wanted = "return document.querySelector(arguments[0]) !== null"
    rows = "#found:not(:empty)" if "?" in address else "#rows tbody tr"
    eventually(lambda: bool(shown.chrome.execute_script(wanted, rows)), within=60, every=0.01)
    return time.monotonic() - begun


def _now(folder: Path) -> int:
    """The time of the newest file, in nanoseconds; 0 if there is none."""
    return max((one.stat().st_mtime_ns for one in folder.rglob("*")), default=0)
