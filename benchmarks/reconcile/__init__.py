"""Whole verbs on registries, files and histories of any size, against goals; needs Docker.

Beside mlgitops, in the same run and on the same servers: mlgitops as it was at one commit
(`before`), the bare loop over the registry's pages, MLflow's own client, and `yaml.load`. CPU, time
and memory are those of whole processes, the least of some rounds; requests are counted by the
server's own log, which it writes anyway.

Writes reconcile.json and reconcile.svg into the folder MLGITOPS_BENCH_FOLDER, by default
.mlgitops/bench. MLGITOPS_BENCH_MODELS="100 1000" measures only these sizes.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.reconcile import engines, files, output, servers
from benchmarks.reconcile.registries import Registry
from benchmarks.reconcile.results import Results

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIZES = "0 100 1000 10000"
_FULL = 1_000  # models; fewer take no time to parse
_CHANGES = 1_000


def measure() -> Iterator[str]:
    """The lines of the table; what is being done is told on the error output."""
    kept = Path(os.environ.get("MLGITOPS_BENCH_FOLDER", ".mlgitops/bench")).resolve()
    kept.mkdir(parents=True, exist_ok=True)
    sizes = [int(size) for size in os.environ.get("MLGITOPS_BENCH_MODELS", _SIZES).split()]
    results = Results(lambda text: click.echo(text, err=True))
    results.say(f"installing {engines.COMMIT}, once")
    ours, before = engines.here(), engines.before(kept)
    with tempfile.TemporaryDirectory(prefix="mlgitops-bench-") as made:
        folder = Path(made)
        files.start(folder, results, ours, before)
        files.verbs(folder, results, [size for size in sizes if size >= _FULL], ours, before)
        files.history(folder, results, ours, before)
        for serving in (servers.on_sqlite, servers.on_mysql):
            with serving(folder) as server:
                registry = Registry(server, folder, results)
                for size in sizes:
                    registry.grow(size)
                    registry.read(ours, before)
                if server.name == "MySQL":
                    registry.apply(ours, before, min(_CHANGES, sizes[-1] // 10))
    yield from output.written(results, kept)
