"""One delivery of MLflow's: proved to be from there, and read. Pure.

Protocol: `mlflow.webhooks.delivery` and `mlflow.webhooks.types` of MLflow 3.17.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from mlgitops.core.stage import alias_of
from mlgitops.system import signing
from mlgitops.words import whole_number

if TYPE_CHECKING:
    from collections.abc import Collection

TOLERANCE = 300  # seconds that a delivery may be old, or early
_LONGEST_ID = 200  # characters
_VERSION_CREATED = ("model_version", "created")
_ALIAS_SET = ("model_version_alias", "created")
_ALIAS_DELETED = ("model_version_alias", "deleted")
SUBSCRIBED = (_VERSION_CREATED, _ALIAS_SET, _ALIAS_DELETED)


class Kind(StrEnum):
    """What a delivery starts: the type of the event that GitHub is sent."""

    VERSION = "mlgitops-version"
    DRIFT = "mlgitops-drift"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What happened in the registry.

    Attributes:
        version: of a new version, its number.
        alias: of an alias that was moved, its name in lower case.
    """

    kind: Kind
    model: str
    version: int | None = None
    alias: str = ""

    def __str__(self) -> str:
        return f"{self.model}@{self.alias}" if self.alias else f"{self.model} {self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A request of MLflow's as it came.

    Attributes:
        id: what tells it from all others; a repetition has the same.
        timestamp: seconds since 1970, as its header has them.
        signature: its header.
    """

    id: str
    timestamp: str
    signature: str
    body: bytes

    def is_from(self, secret: str) -> bool:
        """Whether who sent it knows the secret."""
        key = secret.encode()
        return 0 < len(self.id) <= _LONGEST_ID and signing.is_signed(
            self.signature, key, self.id, self.timestamp, self.body
        )

    def is_current(self, now: float) -> bool:
        """Whether it was signed at most five minutes before or after `now`."""
        sent = whole_number(self.timestamp)
        return sent is not None and abs(now - sent) <= TOLERANCE


@dataclass(frozen=True, kw_only=True, slots=True)
class _Data:
    name: str
    version: str | None = None
    alias: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Envelope:
    entity: str
    action: str
    data: _Data


@dataclass(frozen=True, kw_only=True, slots=True)
class _Head:
    entity: str
    action: str


_HEAD, _ENVELOPE = TypeAdapter(_Head), TypeAdapter(_Envelope)


def read(body: bytes, *, candidates: Collection[str], ignored: Collection[str]) -> Event | None:
    """What a delivery says; None if it is nothing that starts a workflow.

    Args:
        body: JSON.
        candidates: aliases, in lower case, that propose the version that they are set to.
        ignored: aliases, in lower case, that start nothing.

    Raises:
        ValueError: it is not what MLflow sends.
    """
    try:
        head = _HEAD.validate_json(body)
        what = (head.entity, head.action)
        if what not in SUBSCRIBED:
            return None
        data = _ENVELOPE.validate_json(body).data
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise ValueError(f"{where}: {first['msg']}") from None
    version, alias = whole_number(data.version or ""), alias_of(data.alias or "")
    if what == _VERSION_CREATED or (what == _ALIAS_SET and alias in candidates):
        if version is None:
            raise ValueError("data.version is not a number")
        return Event(kind=Kind.VERSION, model=data.name, version=version)
    if not alias:
        raise ValueError("data.alias is missing")
    if alias in candidates or alias in ignored:
        return None
    return Event(kind=Kind.DRIFT, model=data.name, alias=alias)
