"""The accounts of a server with MLflow's own authentication: who asks, and what they may do.

Protocol: mlflow.org/docs/latest, "Basic HTTP Authentication"; `users/current` and
`users/permissions` are of MLflow 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors.registry import RegistryNotFoundError
from mlgitops.registry.answers.form import Form
from mlgitops.registry.calls import ServerInfo

if TYPE_CHECKING:
    from mlgitops.registry.calls import Calls

_WRITES = ("EDIT", "MANAGE")
_CREATES = ("USE", *_WRITES)
_LATEST = "3.0"  # of MLflow's REST API


class User(Form, frozen=True):
    """An account."""

    username: str
    is_admin: bool = False


class OneUser(Form, frozen=True):
    """`users/current`."""

    user: User


class Permission(Form, frozen=True):
    """`users/permissions/get`."""

    permission: str


class Grant(Form, frozen=True):
    """A permission of one's own."""

    permission: str
    resource_type: str
    workspace: str | None = None


class Grants(Form, frozen=True):
    """`users/current/permissions`."""

    permissions: tuple[Grant, ...] = ()


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
            user = self._calls.get("users/current", {}, OneUser).user
        except RegistryNotFoundError:
            return None
        return Account(name=user.username, is_admin=user.is_admin)

    def right(self, account: Account, model: str) -> Right:
        """What an account may do with a model."""
        if account.is_admin:
            return Right(word="MANAGE")
        asked = {
            "username": account.name,
            "resource_type": "registered_model",
            "resource_id": model,
        }
        found = self._calls.get("users/permissions/get", asked, Permission, api=_LATEST)
        return Right(word=found.permission)

    def creates(self, account: Account) -> bool | None:
        """Whether an account may create models; None where only the server's settings say it."""
        if account.is_admin:
            return True
        server = self._calls.get("server-info", {}, ServerInfo, api=_LATEST)
        if not server.workspaces_enabled:
            return True  # everybody may
        found = self._calls.get("users/current/permissions", {}, Grants, api=_LATEST)
        grants = {
            grant.permission
            for grant in found.permissions
            if grant.resource_type == "workspace"
            and grant.workspace == (self._calls.workspace or "default")
        }
        return bool(grants & set(_CREATES)) if grants else None
