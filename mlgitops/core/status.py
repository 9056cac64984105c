"""Each model × stage: what is desired, what is there, who put it there and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mlgitops.core.blocking import why
from mlgitops.core.diff import diff
from mlgitops.words import when

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.desired import Desired
    from mlgitops.core.held import Held, HeldModel
    from mlgitops.core.plan import Change, Plan
    from mlgitops.core.stamp import Stamp
    from mlgitops.core.way_back import WayBack


class StageState(StrEnum):
    """How a stage stands."""

    IN_SYNC = "in sync"
    PENDING = "pending"  # models.yaml asks for something else than the last apply left
    DRIFT = "drift"  # the stage is not what the last apply left
    UNMANAGED = "unmanaged"  # not in models.yaml, and not set by mlgitops
    ELSEWHERE = "managed elsewhere"  # by another owner


@dataclass(frozen=True, kw_only=True, slots=True)
class StageStatus:
    """One stage of one model.

    Attributes:
        stamp: of the held version; None if mlgitops did not put it there.
        note: what is out of step, in words.
        way_back: where a rollback leads; None where that was not asked.
    """

    model: str
    stage: str
    desired: int | None
    actual: int | None
    state: StageState
    stamp: Stamp | None
    note: str = ""
    way_back: WayBack | None = None
    prompt: bool = False

    @property
    def managed(self) -> bool:
        """Whether it is this owner's to manage."""
        return self.state not in (StageState.UNMANAGED, StageState.ELSEWHERE)


def stage_statuses(desired: Desired, held: Held) -> tuple[StageStatus, ...]:
    """All stages, in the order of models.yaml; then those that are not in it."""
    pending = diff(desired, held)
    return (*_listed(desired, held, pending), *_unlisted(desired, held, pending))


def _listed(desired: Desired, held: Held, pending: Plan) -> Iterator[StageStatus]:
    changes = {(change.model, change.alias): change for change in pending.changes}
    for model in desired.models.values():
        now = held.model(model.name)
        for stage in model.stages:
            change = changes.get((model.name, stage.alias))
            elsewhere = _elsewhere(now, stage.alias, desired)
            yield StageStatus(
                model=model.name,
                stage=stage.name,
                desired=stage.version,
                actual=now.stages.get(stage.alias),
                state=StageState.ELSEWHERE if elsewhere and not change else state_of(change),
                stamp=now.stamp_in_force(stage.alias),
                note=_joined(
                    f"managed by {elsewhere}" if elsewhere else _note(change),
                    why(desired, model.name, now.stages.get(stage.alias)),
                ),
                prompt=model.prompt,
            )


def _unlisted(desired: Desired, held: Held, pending: Plan) -> Iterator[StageStatus]:
    changes = {(change.model, change.alias): change for change in pending.changes}
    for name, now in sorted(held.models.items()):
        model = desired.models.get(name)
        listed = {stage.alias for stage in model.stages} if model else set()
        for alias in sorted(now.stages.keys() - listed):
            change = changes.get((name, alias))
            if now.prompt and not change:
                continue  # a registry may keep thousands that nobody promotes
            elsewhere = _elsewhere(now, alias, desired)
            left = f"no longer in {desired.file}; the next apply empties it" if change else ""
            unmanaged = StageState.ELSEWHERE if elsewhere else StageState.UNMANAGED
            yield StageStatus(
                model=name,
                stage=now.name_of(alias),
                desired=None,
                actual=now.stages[alias],
                state=state_of(change) if change else unmanaged,
                stamp=now.stamp_in_force(alias),
                note=_joined(
                    f"managed by {elsewhere}" if elsewhere else left,
                    why(desired, name, now.stages[alias]),
                ),
                prompt=now.prompt,
            )


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _elsewhere(held: HeldModel, alias: str, desired: Desired) -> str | None:
    """The other owner who manages a stage, if there is one."""
    owner = held.owner_of(alias)
    return None if owner == desired.owner else owner


def state_of(change: Change | None) -> StageState:
    """How the stage of a change stands; in sync without one."""
    if change is None:
        return StageState.IN_SYNC
    wrong = change.drift or (change.misaligned and not change.unfinished)
    return StageState.DRIFT if wrong else StageState.PENDING


def _note(change: Change | None) -> str:
    if change is None:
        return ""
    if change.unfinished:
        return str(change.unfinished)
    if change.misaligned:
        return f"{' and '.join(change.misaligned)} out of step"
    return left_by(change.stamp) if change.drift and change.stamp is not None else ""


def left_by(stamp: Stamp) -> str:
    """Who left a stage how, in words."""
    left = "empty" if stamp.version is None else f"at version {stamp.version}"
    return f"{stamp.actor} left it {left}, {when(stamp.time)}"
