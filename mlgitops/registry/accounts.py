"""The accounts of a server with MLflow's own authentication: who asks, and what they may do.

Protocol: mlflow.org/docs/latest, "Basic HTTP Authentication"; `users/current` and
`users/permissions` are of MLflow 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors.registry import RegistryNotFoundError
from mlgitops.registry import answers

if TYPE_CHECKING:
    from mlgitops.registry.calls import Calls

_WRITES = ("EDIT", "MANAGE")
_CREATES = ("USE", *_WRITES)
_LATEST = "3.0"  # of MLflow's REST API


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Who asks."""

    name: str
    is_admin: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Right:
    """What an account may do with a model, in MLflow's own word."""

    word: str

    @property
    def writes(self) -> bool:
        """Whether it may stamp versions and move aliases."""
        return self.word in _WRITES


class Accounts:
    """Asks the server; every method raises RegistryError when it fails."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def me(self) -> Account | None:
        """Who asks; None where the server has no accounts, or is older than MLflow 3."""
        try:
            found = self._calls.get("users/current", {})
        except RegistryNotFoundError:
            return None
        with self._calls.understood():
            user = found["user"]
            return Account(name=answers.text(user, "username"), is_admin=bool(user.get("is_admin")))

    def right(self, account: Account, model: str) -> Right:
        """What an account may do with a model."""
        if account.is_admin:
            return Right(word="MANAGE")
        asked = {
            "username": account.name,
            "resource_type": "registered_model",
            "resource_id": model,
        }
        found = self._calls.get("users/permissions/get", asked, api=_LATEST)
        with self._calls.understood():
            return Right(word=answers.text(found, "permission"))

    def creates(self, account: Account) -> bool | None:
        """Whether an account may create models; None where only the server's settings say it."""
        if account.is_admin:
            return True
        server = self._calls.get("server-info", {}, api=_LATEST)
        if not server.get("workspaces_enabled"):
            return True  # everybody may
        found = self._calls.get("users/current/permissions", {}, api=_LATEST)
        with self._calls.understood():
            grants = {
                grant["permission"]
                for grant in answers.listed(found, "permissions")
                if grant["resource_type"] == "workspace"
                and grant["workspace"] == (self._calls.workspace or "default")
            }
        return bool(grants & set(_CREATES)) if grants else None
