"""The database of MLFLOW_AUTH's users, which has migrations of its own."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from inside import database, schema

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("migrate")


def migrate() -> None:
    """Create or upgrade the users' schema; one without any rows is made anew."""
    # not migrate_if_needed: it looks at the schema in a transaction that stays open while another
    # connection changes it, and MySQL then waits for itself for ever
    from mlflow.server.auth.db.utils import migrate as migrate_auth

    engine = sa.create_engine(database.migration_uri(database.AUTH))
    schema.set_charset(engine, database.AUTH)
    tables = sa.inspect(engine).get_table_names()
    if tables and not schema.has_rows(engine, tables):
        schema.drop(engine)
    with _unnamed_foreign_keys():
        migrate_auth(engine, "head")
    log.info("the users' schema is up to date")


def up_to_date() -> bool:
    """Whether the users' schema is the one that this MLflow needs."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from mlflow.server.auth.db.utils import _get_alembic_config

    scripts = ScriptDirectory.from_config(_get_alembic_config(""))
    with sa.create_engine(database.migration_uri(database.AUTH)).connect() as connection:
        options = {"version_table": "alembic_version_auth"}
        context = MigrationContext.configure(connection, opts=options)
        return context.get_current_revision() == scripts.get_current_head()


@contextmanager
def _unnamed_foreign_keys() -> Iterator[None]:
    """Let MySQL choose the names of foreign keys.

    MLflow's first migration gives one name to the keys of two tables, which MySQL refuses with
    error 1826 (mlflow issues 9642 and 10964). No later migration refers to that name.
    """

    def rename(_c: Any, _u: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        return statement.replace("CONSTRAINT fk_user_id FOREIGN KEY", "FOREIGN KEY"), parameters

    sa.event.listen(sa.Engine, "before_cursor_execute", rename, retval=True)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", rename)
