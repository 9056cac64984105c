"""What the running stack holds, and how it is taken out and put in."""

from __future__ import annotations

import os
import tarfile
from typing import TYPE_CHECKING

from stack.errors import BackupError

if TYPE_CHECKING:
    from pathlib import Path

    from stack.compose import Compose

_TRIES = 3
_END = 1024  # bytes
DATABASES = ("mlflow", "mlflow_auth")
_COUNTED = (
    "experiments",
    "runs",
    "registered_models",
    "model_versions",
    "logged_models",
    "metrics",
)
_DUMP = (
    # one snapshot of all tables, without stopping anybody
    *("mysqldump", "--single-transaction", "--quick", "--hex-blob", "--triggers"),
    # of which MLflow's user may ask nothing, and a restore needs nothing
    *("--no-tablespaces", "--set-gtid-purged=OFF", "--column-statistics=0"),
)
# Exit code 1 of tar means that something changed meanwhile. Files of the store never do, they
# appear whole under their final name; the folders around them do. What is still being received
# has the name of a hidden temporary file and is left out.
_SAVE = "tar -C /artifacts --exclude='.artifact.uploading.*' -c . || [ $? -eq 1 ]"


def counts(compose: Compose) -> dict[str, int]:
    """Rows of the tables that matter; an older schema does not have all of them."""
    there = set(_query(compose, "SHOW TABLES").split())
    tables = [table for table in _COUNTED if table in there]
    query = " UNION ALL ".join(f"SELECT '{table}', COUNT(*) FROM {table}" for table in tables)  # noqa: S608 - constants
    rows = (line.split("\t") for line in _query(compose, query).splitlines())
    return {name: int(number) for name, number in rows}


def revision(compose: Compose) -> str:
    """The schema's revision."""
    return _query(compose, "SELECT version_num FROM alembic_version").strip()


def has_schema(compose: Compose) -> bool:
    """Whether there are tables at all."""
    query = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'mlflow'"
    return _query(compose, query).strip() != "0"


def _query(compose: Compose, query: str) -> str:
    arguments = ["--batch", "--skip-column-names", "--execute", query, "mlflow"]
    return compose.run("exec", "-T", "db", "db-client", "mysql", *arguments)


def dump(compose: Compose, database: str, target: Path) -> None:
    """One database as SQL."""
    with target.open("wb") as file:
        compose.run("exec", "-T", "db", "db-client", *_DUMP, database, stdout=file)


def load(compose: Compose, database: str, source: Path) -> None:
    """Replace one database by the SQL of `dump`."""
    anew = f"DROP DATABASE IF EXISTS {database}; CREATE DATABASE {database} CHARACTER SET utf8mb4"
    compose.run("exec", "-T", "db", "db-client", "mysql", "--execute", anew)
    with source.open("rb") as file:
        compose.run("exec", "-T", "db", "db-client", "mysql", database, stdin=file)


def measure(saved: Path) -> tuple[int, int]:
    """How many artifact files `save_artifacts` has saved, and how many bytes they have."""
    with tarfile.open(saved) as tar:
        sizes = [entry.size for entry in tar if entry.isfile()]
    return len(sizes), sum(sizes)


def save_artifacts(compose: Compose, target: Path) -> None:
    """The artifact folder as a tar.

    Raises:
        BackupError: it arrives cut off, again and again.
    """
    for _ in range(_TRIES):
        with target.open("wb") as file:
            compose.run(*_ONCE, "sh", "-c", _SAVE, stdout=file)
        # Compose may end before the last of what a container that has ended printed
        if _is_whole(target):
            return
    raise BackupError("the artifacts cannot be read whole; try again, or see Docker's log")


def _is_whole(tar: Path) -> bool:
    """Whether it has the two blocks of zeros that end every tar (POSIX, "pax")."""
    with tar.open("rb") as file:
        file.seek(0, os.SEEK_END)
        if file.tell() < _END:
            return False
        file.seek(-_END, os.SEEK_END)
        return not any(file.read())


def load_artifacts(compose: Compose, source: Path) -> None:
    """Replace the artifact folder by the tar of `save_artifacts`."""
    _on_artifacts(compose, "find", "/artifacts", "-mindepth", "1", "-delete")
    with source.open("rb") as file:
        compose.run(
            *_ONCE, "tar", "-C", "/artifacts", "--no-overwrite-dir", "-x", "-f", "-", stdin=file
        )


# a container of its own: the artifact server need not run
_ONCE = ("run", "--rm", "--no-deps", "-T", "artifacts")


def _on_artifacts(compose: Compose, *command: str) -> str:
    return compose.run(*_ONCE, *command)
