"""Return when the database has the schema that this MLflow needs: `python -m inside.wait`.

For Kubernetes, which starts the migration and the servers at the same time. A server that found no
tables would create them by itself, beside the migration.
"""

from __future__ import annotations

import logging
import os
import time

import sqlalchemy as sa

from inside import database, schema, users
from inside.migrate import only_one
from inside.settings import auth

_FOREVER = float("inf")
_PAUSE = 2.0  # seconds

log = logging.getLogger("wait")


def main() -> int:
    """Ask until the migration is done; whoever starts this decides how long that may take."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    database.wait(_FOREVER)
    engine = sa.create_engine(database.migration_uri(database.TRACKING))
    said = ""
    while missing := _missing(engine):
        if missing != said:
            log.info("waiting for the migration: %s", missing)
            said = missing
        time.sleep(_PAUSE)
    return 0


def _missing(engine: sa.Engine) -> str:
    """What the migration still has to do, asked while none is at work; empty if nothing."""
    with only_one(engine):
        state = schema.inspect(engine)
        if not state.complete:
            return f"the schema is {state.revision or 'empty'}, this MLflow needs {state.head}"
        if auth() and not users.up_to_date():
            return "the users' schema is not up to date"
    return ""


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # importing MLflow's users starts threads that nothing ends
    os._exit(code)
