"""Start MLflow's server as one of its two roles: `python -m inside.serve tracking|artifacts`."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from inside import database, schema
from inside.settings import auth, flag

_FOREVER = float("inf")
_RUNTIME = Path("/run/mlgitops")
_SPOOL = Path("/tmp")  # noqa: S108 - a volume of this container alone
# As many connections as the server has threads (40), and some: while the database is lost, a
# request that has to wait for somebody else's connection waits 30 s on top.
_POOL = {
    "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "10",
    "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "40",
    "MLFLOW_SQLALCHEMYSTORE_POOL_RECYCLE": "1800",
}
# one attempt between the servers: the client, who is waiting, repeats what is worth repeating
_BETWEEN_SERVERS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
_PRIVATE_WEBHOOKS = {
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
}
# Seconds for which a worker goes by the webhooks that it has read: it sends what happens in them
# to none that was registered since, and the default of a minute loses what the user tries first.
_WEBHOOKS_KNOWN = "5"
_ALLOWED_HOSTS = ("localhost", "127.0.0.1", "[::1]")
_PORTS = {"tracking": 5000, "artifacts": 5500}
_NAMES = {"tracking": "mlflow", "artifacts": "artifacts"}


def main(role: str) -> None:
    """Become the server."""
    _empty_spool()
    if role == "artifacts":
        _remove_unfinished()
    else:
        database.wait(_FOREVER)
    os.environ.update(_environment(role))

    import mlflow.cli
    import mlflow.server

    if not flag("STACK_JOBS"):
        # MLflow's command would stay as the parent of the server, idle, with 200 MB of imports;
        # only the job runner needs it
        setattr(mlflow.server, "_exec_cmd", _become)  # noqa: B010 - not a public name
    mlflow.cli.cli(_arguments(role), prog_name="mlflow")


def _become(command: list[str], *, extra_env: dict[str, str], **_: object) -> NoReturn:
    """Replace this process by the command."""
    os.execvpe(command[0], command, os.environ | extra_env)  # noqa: S606 - no shell is wanted


def _empty_spool() -> None:
    """Remove what a killed server was receiving; the volume would fill up otherwise."""
    for entry in _SPOOL.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _remove_unfinished() -> None:
    """Remove the uploads that a killed server left, beside the server's start.

    MLflow receives a file under a temporary name in the folder it will be in.
    """
    started = _SPOOL / "started"
    started.touch()
    find = f"find /artifacts -name '.artifact.uploading.*' ! -newer {started} -delete"
    subprocess.run(["sh", "-c", f"{find} &"], check=False)


def _environment(role: str) -> dict[str, str]:
    """Variables, and not arguments, for everything secret."""
    made = {
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(_allowed_hosts(role)),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": str(flag("STACK_JOBS")).lower(),
    }
    if origins := os.environ.get("STACK_CORS_ORIGINS"):
        made["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] = origins
    if role == "artifacts":
        return made | _s3_environment()
    made |= _POOL | _BETWEEN_SERVERS
    made["MLFLOW_BACKEND_STORE_URI"] = database.server_uri(database.TRACKING)
    # each process would make a key of its own, and read the secrets of none of the others
    made["MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"] = database.secret("mlflow_webhook_key")
    made["MLFLOW_WEBHOOK_CACHE_TTL"] = _WEBHOOKS_KNOWN
    if flag("STACK_PRIVATE_WEBHOOKS"):
        made |= _PRIVATE_WEBHOOKS
    if auth():
        made["MLFLOW_AUTH_CONFIG_PATH"] = str(_write_auth_config())
        made["MLFLOW_FLASK_SERVER_SECRET_KEY"] = database.secret("mlflow_secret_key")
    return made


def _allowed_hosts(role: str) -> list[str]:
    """Each name with and without a port: MLflow compares the whole Host header."""
    more = os.environ.get("STACK_ALLOWED_HOSTS", "").split(",")
    names = [_NAMES[role], *_ALLOWED_HOSTS, *(name.strip() for name in more if name.strip())]
    return [form for name in names for form in ((name,) if "*" in name else (name, f"{name}:*"))]


def _s3_environment() -> dict[str, str]:
    """The keys of an S3-compatible store, where there is one."""
    credentials = database.SECRETS / "s3_credentials"
    if not os.environ.get("STACK_ARTIFACTS", "").startswith("s3:"):
        return {}
    made = {"AWS_SHARED_CREDENTIALS_FILE": str(credentials)}
    if not os.environ.get("MLFLOW_S3_ENDPOINT_URL"):
        os.environ.pop("MLFLOW_S3_ENDPOINT_URL", None)  # empty is not the same as unset
    return made


def _write_auth_config() -> Path:
    """MLflow takes the address of the users' database only from a file."""
    config = configparser.ConfigParser(interpolation=None)
    config["mlflow"] = {
        "default_permission": "READ",
        "database_uri": database.server_uri(database.AUTH),
        "admin_username": "admin",
        "admin_password": database.secret("mlflow_admin_password"),
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
        "grant_default_workspace_access": "false",
        # without it every request costs one PBKDF2, a tenth of a second
        "auth_cache_ttl_seconds": "30",
    }
    path = _RUNTIME / "basic_auth.ini"
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8") as file:
        config.write(file)
    return path


def _arguments(role: str) -> list[str]:
    common = [
        *("server", "--host", "0.0.0.0"),  # noqa: S104 - Compose publishes on loopback
        *("--port", str(_PORTS[role]), "--workers", os.environ.get("STACK_WORKERS", "1")),
        *("--uvicorn-opts", _uvicorn(), "--serve-artifacts"),
    ]
    if role == "artifacts":
        destination = os.environ.get("STACK_ARTIFACTS", "artifact-folder:/artifacts")
        return [*common, "--artifacts-only", "--artifacts-destination", destination]
    users = ["--app-name", "basic-auth"] if auth() else []
    return [
        *(*common, "--artifacts-destination", "artifact-server:/"),
        *("--default-artifact-root", schema.ARTIFACT_ROOT, *users),
    ]


def _uvicorn() -> str:
    # more than one worker on the default loop stalls keep-alive requests for 44 ms
    options = ["--loop uvloop --no-access-log"]
    # uvicorn kills a worker that does not answer it within 5 s; a starved one cannot, and its
    # successor, which imports everything anew, can even less
    options += ["--timeout-worker-healthcheck", os.environ.get("STACK_WORKER_TIMEOUT", "120")]
    return " ".join(options)


if __name__ == "__main__":
    main(sys.argv[1])
