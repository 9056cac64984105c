"""The state of MLflow's schema, and the steps that change it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import sqlalchemy as sa

ARTIFACT_ROOT = "mlflow-artifacts:/"  # names no host: every client asks the tracking server
_CHARSET = "utf8mb4"
# Rows that MLflow writes by itself into a new schema: table → how many.
_OWN_ROWS = {"alembic_version": 1, "alembic_version_auth": 1, "experiments": 1, "workspaces": 1}

log = logging.getLogger("migrate")


@dataclass(frozen=True, kw_only=True, slots=True)
class SchemaState:
    """What is there.

    `known` says whether this MLflow has a migration of that revision; `rows` whether somebody
    stored something; `missing` names tables that a schema at the newest revision would have.
    """

    tables: tuple[str, ...]
    revision: str | None
    head: str
    known: bool
    missing: tuple[str, ...]
    rows: bool

    @property
    def complete(self) -> bool:
        """Nothing is to be done."""
        return self.revision == self.head and not self.missing

    @property
    def upgradable(self) -> bool:
        """A migration starts from a revision that was reached, and is not the newest."""
        return self.revision is not None and self.revision != self.head


def inspect(engine: sa.Engine) -> SchemaState:
    """Look at the database without changing it."""
    from alembic.script import ScriptDirectory
    from mlflow.store.db import utils
    from mlflow.store.db.base_sql_model import Base

    tables = sa.inspect(engine).get_table_names()
    revision = utils._get_schema_version(engine)
    scripts = ScriptDirectory.from_config(utils._get_alembic_config(""))
    revisions = {script.revision for script in scripts.walk_revisions()}
    return SchemaState(
        tables=tuple(name for name in tables if name != "alembic_version"),
        revision=revision,
        head=utils._get_latest_schema_revision(),
        known=revision is None or revision in revisions,
        missing=tuple(sorted(set(Base.metadata.tables) - set(tables))),
        rows=has_rows(engine, tables),
    )


def has_rows(engine: sa.Engine, tables: list[str]) -> bool:
    """Whether somebody stored something."""
    with engine.connect() as connection:
        for table in tables:
            own = _OWN_ROWS.get(table, 0)
            query = sa.select(sa.literal(1)).select_from(sa.table(table)).limit(own + 1)
            if len(connection.execute(query).all()) > own:
                return True
    return False


def create(engine: sa.Engine) -> None:
    """All tables, on an empty database."""
    from mlflow.store.db.utils import _initialize_tables

    _initialize_tables(engine)


def upgrade(engine: sa.Engine) -> None:
    """From an older revision to the newest."""
    from mlflow.store.db.utils import _upgrade_db

    _upgrade_db(engine)


def complete(uri: str) -> None:
    """The default experiment, once: the servers' workers would make it at the same time.

    All but one of them would then fail on the key that it has.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(uri, ARTIFACT_ROOT)


def drop(engine: sa.Engine) -> None:
    """Every table; only for a schema that holds no data."""
    with engine.connect() as connection:
        connection.execute(sa.text("SET FOREIGN_KEY_CHECKS = 0"))
        quote = engine.dialect.identifier_preparer.quote
        for table in sa.inspect(engine).get_table_names():
            connection.execute(sa.text(f"DROP TABLE {quote(table)}"))
        connection.commit()


def set_charset(engine: sa.Engine, database: str) -> None:
    """Make new tables utf8mb4, whatever the server's default was when the database was made.

    MLflow's migrations fail half-way on latin1 (error 1253). Tables that exist keep theirs.
    """
    with engine.connect() as connection:
        query = sa.text(
            "SELECT default_character_set_name FROM information_schema.schemata "
            "WHERE schema_name = :name"
        )
        charset = connection.execute(query, {"name": database}).scalar()
        if charset != _CHARSET:
            log.info("%s: default character set %s -> %s", database, charset, _CHARSET)
            quoted = engine.dialect.identifier_preparer.quote(database)
            connection.execute(sa.text(f"ALTER DATABASE {quoted} CHARACTER SET {_CHARSET}"))
            connection.commit()
