"""The record of what each stage got: which moves GitHub does not know yet. Pure.

The last move of each stage is recorded as a deployment whose payload names it. What is missing
follows from the stamps, not from the last plan: whatever a run was killed at, the next one records
the rest, and nothing twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mlgitops.core.stage import alias_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlgitops.core.desired import Desired
    from mlgitops.core.held import Held
    from mlgitops.core.stage import DeclaredStages
    from mlgitops.github.applied import Change

# those who stamp and GitHub have clocks of their own, which differ by less
_CLOCKS = timedelta(days=1)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MOVE, _TIME = "move", "time"


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A deployment that GitHub is to have.

    Attributes:
        environment: what GitHub calls the stage: MODEL STAGE.
        commit: the commit that declared it; None where nothing says which.
        payload: of a move its version, number and time; the last two tell it from all others.
    """

    environment: str
    production: bool
    description: str
    payload: Mapping[str, Any]
    commit: str | None = None
    succeeded: bool = True

    @property
    def key(self) -> tuple[str, int, str]:
        """What tells a move from all others."""
        return (self.environment, self.payload[_MOVE], self.payload[_TIME])


def moves(desired: Desired, held: Held) -> Iterator[Record]:
    """The last move of each stage of the owner, where the stage still holds what it left there."""
    for model in held.models.values():
        for alias in model.stamps:
            stamp = model.stamp_in_force(alias)
            if stamp and stamp.owner == desired.owner:
                yield _record(
                    desired.stages,
                    model.name,
                    desired.stages.name_of(alias),
                    f"{_got(stamp.version)}, applied by {stamp.actor}",
                    {"version": stamp.version, _MOVE: stamp.move, _TIME: stamp.time},
                    commit=stamp.commit if _COMMIT.fullmatch(stamp.commit) else None,
                )


def failure(change: Change, stages: DeclaredStages) -> Record:
    """What is recorded of a change that failed, as the report of an apply has it."""
    said, payload = f"{_got(change.new)}, failed", {"version": change.new}
    return _record(stages, change.model, change.stage, said, payload, succeeded=False)


def _got(version: int | None) -> str:
    return "empty" if version is None else f"version {version}"


def _record(
    stages: DeclaredStages,
    model: str,
    stage: str,
    said: str,
    payload: Mapping[str, Any],
    **more: Any,
) -> Record:
    return Record(
        environment=f"{model} {stage}",
        production=stages.is_guarded(alias_of(stage)),
        description=f"{model} {stage}: {said}",
        payload=payload,
        **more,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """The moves that GitHub knows.

    Attributes:
        keys: of those that were found.
        newest: the deployment that was recorded last; None if there is none.
        since: what moved before is known, although it was not looked for.
    """

    keys: frozenset[tuple[str, int, str]] = frozenset()
    newest: Mapping[str, Any] | None = None
    since: datetime | None = None

    def missing(self, records: Iterable[Record]) -> list[Record]:
        """The moves that are not recorded, oldest first: in this order they must be."""
        found = [
            one
            for one in records
            if one.key not in self.keys
            and (self.since is None or _moment(one.payload[_TIME]) >= self.since)
        ]
        return sorted(found, key=lambda one: (one.payload[_TIME], one.environment))


def known(deployments: Iterable[Mapping[str, Any]]) -> Known:
    """The moves among all deployments of a repository, newest first, of which few are read.

    Moves are recorded oldest first, so that all that are older than the newest one are known, but
    for what clocks differ by.
    """
    keys, newest, since = set(), None, None
    for deployment in deployments:
        if since and _moment(deployment["created_at"]) < since - _CLOCKS:
            break
        payload = deployment.get("payload")
        if not isinstance(payload, dict) or not _is_move(payload):
            continue  # a failure, or somebody else's
        if since is None:
            newest, since = deployment, _moment(payload[_TIME]) - _CLOCKS
        keys.add((deployment["environment"], payload[_MOVE], payload[_TIME]))
    return Known(keys=frozenset(keys), newest=newest, since=since)


def _is_move(payload: Mapping[str, Any]) -> bool:
    """Whether whoever may create deployments wrote what `moves` does."""
    try:
        return type(payload[_MOVE]) is int and _moment(payload[_TIME]).tzinfo is not None
    except (KeyError, TypeError, ValueError):
        return False


def _moment(time: str) -> datetime:
    return datetime.fromisoformat(time)
