"""Settings that more than one of the programs reads."""

from __future__ import annotations

import os

_TRUE = {"1", "true", "yes", "on"}


def flag(name: str) -> bool:
    """Whether a variable says yes."""
    return os.environ.get(name, "").strip().lower() in _TRUE


def auth() -> bool:
    """Whether the tracking server asks for a login."""
    return flag("MLFLOW_AUTH")
