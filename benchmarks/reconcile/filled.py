"""A server whose registry holds many stamped models, beside a repository to declare them."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.reconcile import declared, seed, servers
from benchmarks.reconcile.engines import ROOT, here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.reconcile.servers import Server


@contextmanager
def registry(count: int) -> Iterator[tuple[Server, Path]]:
    """On SQLite, until the block ends; yields the server and the path of models.yaml.

    Args:
        count: of models.
    """
    with tempfile.TemporaryDirectory(prefix="mlgitops-bench-") as made:
        folder = Path(made)
        with servers.on_sqlite(folder) as server:
            click.echo(f"registering {count:,} models", err=True)
            seeder = seed.Seeder(server.database, folder / "payload")
            seeder.add(range(count))
            seeder.stamp(here().stamped, server.url)
            file = declared.in_repository(folder / "repository")
            (file.parent / "training").symlink_to(ROOT / "training")
            yield server, file
