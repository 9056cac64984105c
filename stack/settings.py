"""What the stack is told from outside: the environment first, then `stack/.env`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from mlgitops.words import whole_number
from stack.errors import SettingsError

FOLDER = Path(__file__).resolve().parent
_YES = {"1", "true", "yes", "on"}
_NO = {"", "0", "false", "no", "off"}
_PORTS = tuple(f"STACK_{name}_PORT" for name in ("DB", "MLFLOW", "ARTIFACTS", "SERVE"))
_NUMBERS = (
    *_PORTS,
    *("STACK_MLFLOW_WORKERS", "STACK_ARTIFACTS_WORKERS"),
    *("STACK_DB_WAIT", "STACK_WORKER_TIMEOUT", "STACK_HEALTH_RETRIES"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The few settings that this program needs before Compose has read them all."""

    environment: dict[str, str] = field(repr=False)
    auth: bool
    s3: bool
    secrets: Path
    overrides: tuple[Path, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """The Compose files, each one on top of the one before."""
        auth = (FOLDER / "compose.auth.yaml",) if self.auth else ()
        return (FOLDER / "compose.yaml", *auth, *self.overrides)


def read(environment: dict[str, str] | None = None) -> Settings:
    """The settings of this moment.

    Raises:
        SettingsError: one of them means nothing.
    """
    given = dict(os.environ if environment is None else environment)
    stored = dotenv_values(FOLDER / ".env", interpolate=False)
    values = {name: value for name, value in stored.items() if value is not None} | given
    for name in _NUMBERS:
        _whole(values, name)
    overrides = [part for part in values.get("STACK_OVERRIDES", "").split(os.pathsep) if part]
    s3 = values.get("STACK_ARTIFACTS", "").startswith("s3://")
    if "s3" in values.get("COMPOSE_PROFILES", "").split(",") and not s3:
        raise SettingsError(
            "COMPOSE_PROFILES=s3 starts an S3 server that nothing uses; also set "
            "STACK_ARTIFACTS=s3://mlflow and STACK_S3_ENDPOINT=http://s3:9000"
        )
    return Settings(
        environment=given,
        auth=_flag(values, "MLFLOW_AUTH"),
        s3=s3,
        # Compose takes a relative path from the folder of its file
        secrets=(FOLDER / values.get("STACK_SECRETS", ".secrets")).resolve(),
        overrides=tuple((FOLDER / part).resolve() for part in overrides),
    )


def _whole(values: dict[str, str], name: str) -> None:
    """Check a number; Compose would pass it on to whoever fails at it."""
    text = values.get(name, "")
    number, most = whole_number(text), 65535 if name in _PORTS else 10**6
    if text and (number is None or not 1 <= number <= most):
        raise SettingsError(f"{name}={text[:100]} is not a whole number from 1 to {most:,}")


def _flag(values: dict[str, str], name: str) -> bool:
    value = values.get(name, "").strip().lower()
    if value not in _YES | _NO:
        raise SettingsError(f"{name}={values[name]} is not a boolean; set it to true or false")
    return value in _YES
