"""MLflow's own server on SQLite and on MySQL; the requests that it got, by its own log.

Two workers, as the stack has, on uvicorn with uvloop: without uvloop each request on a kept
connection waits 44 ms once there is more than one worker.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WORKERS = ("--workers", "2")
_REQUEST = re.compile(r'"(GET|POST|PUT|PATCH|DELETE) /(?:api/2\.0/mlflow/)?([^ ?]+)\??(\S*) HTTP')
# as the stack sets it
_MYSQL = ("--disable-log-bin", "--innodb-buffer-pool-size=256M", "--performance-schema=OFF")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request that the server answered; its route without what all have in common."""

    method: str
    route: str
    query: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A server that runs.

    Attributes:
        database: its address, for SQLAlchemy.
    """

    name: str
    url: str
    database: str
    log: Path

    @contextmanager
    def watched(self) -> Iterator[list[Request]]:
        """The requests that come while the block runs; the list is filled at its end."""
        seen: list[Request] = []
        begin = self.log.stat().st_size
        yield seen
        with self.log.open("rb") as stream:
            stream.seek(begin)
            found = _REQUEST.findall(stream.read().decode())
        seen += (Request(method=m, route=route, query=query) for m, route, query in found)


@contextmanager
def on_sqlite(folder: Path) -> Iterator[Server]:
    """A server whose database is a file."""
    with _serving("SQLite", servers.sqlite(folder), folder) as server:
        yield server


@contextmanager
def on_mysql(folder: Path) -> Iterator[Server]:
    """A server with a MySQL of its own; needs Docker.

    Its data lies on a volume, not in memory: a write is on disk before it is answered.
    """
    with (
        servers.mysql(*_MYSQL, in_memory=False) as mysql,
        _serving("MySQL", mysql.database("mlflow"), folder) as server,
    ):
        yield server


@contextmanager
def _serving(name: str, database: str, folder: Path) -> Iterator[Server]:
    with servers.server(folder, store=database, arguments=_WORKERS) as url:
        yield Server(name=name, url=url, database=database, log=folder / "server.log")
