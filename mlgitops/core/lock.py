"""The lock of a registry: one apply writes at a time, and tells who it is.

While an apply writes, the registry has a model `mlgitops.lock` without versions. MLflow cannot
compare and swap, but it makes a model of one name only once, and renames one only once. An apply
that leaves something half done sets its lock aside, as `mlgitops.lock.ID`: it is in nobody's way,
and tells that the stages it stamped did not drift. Pure: no I/O, no clock.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlgitops.core.stamp import Stamp, iso
from mlgitops.words import from_json, when

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "mlgitops.lock"
APPLY, ALIVE = "mlgitops.apply", "mlgitops.alive"  # tags: who it is, when it was last heard of
_SLACK = timedelta(minutes=1)  # between the last sign of life and the last stamp


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """An apply that has begun and not ended in order.

    Attributes:
        id: tells it from every other apply.
        owner: whose stages it writes.
        actor: on whose behalf it runs.
        commit: the commit of models.yaml.
        begun: when it began, in ISO 8601, UTC, by its own clock.
        alive: when it was last heard of, by the same clock.
        aside: whether the lock was taken from it; it only tells what may be half done.
    """

    id: str
    owner: str
    actor: str
    commit: str
    begun: str
    alive: str
    aside: bool = False

    @property
    def name(self) -> str:
        """The name of the model that is the lock."""
        return f"{NAME}.{self.id}" if self.aside else NAME

    def wrote(self, stamp: Stamp) -> bool:
        """Whether a stamp is of this apply: only it could write its owner's stamps meanwhile."""
        return stamp.owner == self.owner and self.begun <= stamp.time <= _later(self.alive)

    def __str__(self) -> str:
        how = "was interrupted" if self.aside else "is under way or was interrupted"
        return f"an apply by {self.actor} {how}, {when(self.begun)}"


def is_lock(name: str) -> bool:
    """Whether a registered model is a lock."""
    return name == NAME or name.startswith(f"{NAME}.")


def dump(lock: Lock) -> dict[str, str]:
    """The tags of the model that is the lock."""
    told = {key: text for key, text in asdict(lock).items() if key not in ("alive", "aside")}
    return {APPLY: json.dumps(told, ensure_ascii=False), ALIVE: lock.alive}


def parse(name: str, tags: Mapping[str, str]) -> Lock:
    """The lock that a model is; one whose tags somebody edited is nobody's."""
    aside, alive = name != NAME, tags.get(ALIVE, "")
    try:
        told = {key: str(text) for key, text in from_json(tags.get(APPLY, "")).items()}
        datetime.fromisoformat(alive)
        return Lock(**told, alive=alive, aside=aside)
    except (AttributeError, ValueError, TypeError):
        known = name.removeprefix(f"{NAME}.") if aside else "unknown"
        return Lock(
            id=known, owner="", actor="someone", commit="", begun="", alive=alive, aside=aside
        )


def _later(time: str) -> str:
    return iso(datetime.fromisoformat(time) + _SLACK)
