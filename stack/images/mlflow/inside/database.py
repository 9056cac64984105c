"""The database's address, put together from its settings and the secrets that are mounted."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from urllib.parse import quote

SECRETS = Path("/run/secrets")
DENIED = {1044, 1045}
HOST = os.environ.get("MYSQL_HOST", "db")
PORT = int(os.environ.get("MYSQL_PORT", "3306"))
USER = os.environ.get("MYSQL_USER", "mlflow")
TRACKING = "mlflow"
AUTH = "mlflow_auth"

# A request that waits for a lost database must end: MLflow itself sets no limit. The pool checks
# a connection before each use, so that one request may meet both limits, one after the other.
_CONNECT_TIMEOUT = 4  # seconds
_SERVER_OPTIONS = "charset=utf8mb4&connect_timeout=4&read_timeout=12&write_timeout=12"
# Where a provider's certificates are mounted, the connection is encrypted and the server's name
# checked; else it is encrypted if the server offers that.
_CA = SECRETS / "mysql_ca"
# a migration may alter a large table for minutes
_MIGRATION_OPTIONS = "charset=utf8mb4&connect_timeout=4"


def secret(name: str) -> str:
    """The content of a secret."""
    return (SECRETS / name).read_text(encoding="utf-8").strip()


def server_uri(database: str) -> str:
    """The address for the servers: every wait has a limit."""
    return _uri(database, _SERVER_OPTIONS)


def migration_uri(database: str) -> str:
    """The address for migrations: a statement may take its time."""
    return _uri(database, _MIGRATION_OPTIONS)


def _uri(database: str, options: str) -> str:
    password = quote(secret("mysql_password"), safe="")
    if _CA.exists():
        options += f"&ssl_ca={_CA}"
    return f"mysql+pymysql://{quote(USER, safe='')}:{password}@{HOST}:{PORT}/{database}?{options}"


def wait(seconds: float) -> None:
    """Return when the database answers a query.

    MLflow's own waiting doubles its pauses up to 51 s; this asks every half second.

    Raises:
        pymysql.err.OperationalError: it denies the login, or does not answer in time.
    """
    import pymysql

    end = time.monotonic() + seconds
    said = time.monotonic()
    while True:
        try:
            connection = pymysql.connect(
                host=HOST,
                port=PORT,
                user=USER,
                password=secret("mysql_password"),
                database=TRACKING,
                connect_timeout=_CONNECT_TIMEOUT,
                read_timeout=_CONNECT_TIMEOUT,
                ssl={"ca": str(_CA)} if _CA.exists() else None,
            )
        except pymysql.err.OperationalError as error:
            if error.args[0] in DENIED or time.monotonic() > end:
                raise
            if time.monotonic() > said + 10:
                said = time.monotonic()
                logging.getLogger("database").warning("still waiting: %s", error.args[-1])
            time.sleep(0.5)
        else:
            connection.close()
            return
