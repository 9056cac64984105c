"""Bring the schema to what this MLflow needs, or say why not: `python -m inside.migrate`.

MySQL commits each DDL statement at once, so that a migration that is killed leaves a half-made
schema that no migration can continue. Without any data in it, it is made anew; with data, nothing
is touched and the way back is printed. An older schema with data is migrated only on request
(`STACK_MIGRATE=upgrade`), because the way back needs a backup from before.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pymysql
import sqlalchemy as sa

from inside import database, schema, users
from inside.settings import auth

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCK = "mlgitops-migrate"
_LOCK_WAIT = 600  # seconds; another replica may be migrating a large database

log = logging.getLogger("migrate")


class RefusedError(Exception):
    """The database is in a state that needs a person; the message is the next step."""


def main() -> int:
    """Migrate once, however many replicas start this at the same time."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        wait(float(os.environ.get("STACK_DB_WAIT", "120")))
        engine = sa.create_engine(database.migration_uri(database.TRACKING))
        with only_one(engine):
            bring_to_head(engine, upgrade=os.environ.get("STACK_MIGRATE") == "upgrade")
            schema.complete(database.migration_uri(database.TRACKING))
            if auth():
                users.migrate()
    except RefusedError as error:
        log.error("refused: %s", error)  # noqa: TRY400 - the message is all that helps
        return 3
    except Exception:
        log.exception("failed")
        return 1
    return 0


def wait(seconds: float) -> None:
    """Return when the database answers a query.

    Raises:
        RefusedError: it does not, or it denies the login.
    """
    try:
        database.wait(seconds)
    except pymysql.err.OperationalError as error:
        if error.args[0] in database.DENIED:
            raise RefusedError(
                f"{error.args[-1]}. The volume was created with a different password than the one "
                "in mysql_password; restore the original secret, or remove the volume"
            ) from None
        raise RefusedError(
            f"no database after {seconds:.0f} s ({error.args[-1]}); check the logs of db, or "
            "increase STACK_DB_WAIT"
        ) from None


@contextmanager
def only_one(engine: sa.Engine) -> Iterator[None]:
    """Hold a lock of the database itself: it ends with the connection, also after a kill."""
    with engine.connect() as connection:
        connection.detach()  # the pool would keep it, and the lock with it
        ask = sa.text("SELECT GET_LOCK(:name, :seconds)")
        if connection.execute(ask, {"name": _LOCK, "seconds": _LOCK_WAIT}).scalar() != 1:
            raise RefusedError("another migration holds the lock; wait for it, then start again")
        yield


def bring_to_head(engine: sa.Engine, *, upgrade: bool) -> None:
    """Create, repair or upgrade the schema.

    Raises:
        RefusedError: there are data, and it is not clear that they would survive.
    """
    schema.set_charset(engine, database.TRACKING)
    state = schema.inspect(engine)
    if state.complete:
        log.info("the schema is up to date (%s)", state.revision)
    elif not state.tables:
        _create(engine)
    elif not state.known:
        raise RefusedError(
            f"the schema ({state.revision}) was created by a newer MLflow than this one; use the "
            "image that created it, or restore an earlier backup"
        )
    elif not state.rows:
        log.warning("incomplete schema without data (%s): creating it again", state.revision)
        schema.drop(engine)
        _create(engine)
    elif not state.upgradable:
        raise RefusedError(
            f"incomplete schema ({state.revision}; missing: {', '.join(state.missing[:5])}) that "
            "holds data; restore the last backup with `nox -s restore -- FILE --replace`"
        )
    elif not upgrade:
        raise RefusedError(
            f"the schema ({state.revision}) belongs to an older MLflow and holds data; run "
            "`nox -s upgrade`, which makes a backup first; on Kubernetes, make a backup, then set "
            "STACK_MIGRATE=upgrade"
        )
    else:
        _upgrade(engine, state.revision)


def _create(engine: sa.Engine) -> None:
    started = time.monotonic()
    schema.create(engine)
    log.info("schema created in %.0f s", time.monotonic() - started)


def _upgrade(engine: sa.Engine, revision: str | None) -> None:
    started = time.monotonic()
    try:
        schema.upgrade(engine)
    except Exception as error:
        log.exception("the migration failed")
        raise RefusedError(
            f"the migration from {revision} failed halfway; restore the backup that was made "
            "before it with `nox -s restore -- FILE --replace` and the previous image"
        ) from error
    log.info("schema upgraded from %s in %.0f s", revision, time.monotonic() - started)


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # importing MLflow's users starts threads that outlive an error; nothing is left to be done
    os._exit(code)
