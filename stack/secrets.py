"""The stack's passwords: made on the first start, kept in one folder, never printed."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from mlgitops.system import files
from stack.errors import SecretsLostError

if TYPE_CHECKING:
    from pathlib import Path

_FORMS = {
    "mysql_root_password": "{}",
    "mysql_password": "{}",
    "mlflow_admin_password": "{}",
    "mlflow_secret_key": "{}",
    "mlflow_webhook_key": "{}=",  # 32 bytes in base64, as Fernet takes a key
    "s3_credentials": "[default]\naws_access_key_id = mlgitops\naws_secret_access_key = {}\n",
    "webhook_secret": "{}",
    "github_token": "",  # is not ours to make
}
_OF_THE_DATABASE = ("mysql_root_password", "mysql_password")


def ensure(folder: Path, *, database_exists: bool) -> list[str]:
    """Make the secrets that are missing; return their names.

    The folder is closed to everybody else; the files in it can be read, because Compose mounts
    them with the owner and mode that they have here, and no container runs as that owner.

    Raises:
        SecretsLostError: the database's password is missing, and a new one would not open it.
        FileWriteError: a secret cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    missing = [name for name in _FORMS if not (folder / name).exists()]
    lost = [name for name in missing if name in _OF_THE_DATABASE]
    if database_exists and lost:
        raise SecretsLostError(
            f"the database exists, but {folder} does not contain {', '.join(lost)}; restore it, or "
            "remove the database with `nox -s down -- --volumes`"
        )
    for name in missing:
        text = _FORMS[name].format(secrets.token_urlsafe(32))
        files.write_text(folder / name, text, mode=0o444)
    return missing
