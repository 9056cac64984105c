"""Plan → Outcomes: the only module that writes to the registry.

For each model: every changed stage is stamped, then its alias moves; then the classic stages are
brought in step; then the model is read back and planned once more, which must find nothing to do.
Whatever request an apply is killed at, the next one finds the rest and does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mlgitops.core import classic, stamp
from mlgitops.core.diff import plan_model
from mlgitops.errors import (
    RegistryDeniedError,
    RegistryError,
    RegistryTimeoutError,
    RegistryUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from mlgitops.core.plan import Change, ModelPlan, Plan
    from mlgitops.core.registry import Registry
    from mlgitops.core.stamp import Author

# these will meet every other model too: asking again for each would only take time
_HOPELESS = (RegistryUnreachableError, RegistryTimeoutError, RegistryDeniedError)
_CHANGED = "it was changed again after the write, perhaps by someone else; apply again"


class Status(StrEnum):
    """What became of a change."""

    APPLIED = "applied"
    FAILED = "failed"
    SKIPPED = "not attempted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one change, and why it failed or was not attempted."""

    change: Change
    status: Status
    reason: str = ""


def execute(
    pending: Plan,
    registry: Registry,
    author: Author,
    now: Callable[[], datetime],
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Outcome, ...]:
    """Apply a plan. One model that fails does not stop the others; never raises RegistryError."""
    outcomes: list[Outcome] = []
    hopeless = ""
    for model in pending.models:
        if hopeless:
            outcomes += _all(model, Status.SKIPPED, hopeless)
            continue
        try:
            outcomes += _apply(model, registry, author, now, progress)
        except RegistryError as error:
            hopeless = str(error) if isinstance(error, _HOPELESS) else ""
            outcomes += _after(error, model, registry)
    return tuple(outcomes)


def _all(model: ModelPlan, status: Status, reason: str) -> Iterator[Outcome]:
    return (Outcome(change=change, status=status, reason=reason) for change in model.changes)


def _apply(
    model: ModelPlan,
    registry: Registry,
    author: Author,
    now: Callable[[], datetime],
    progress: Callable[[str], None],
) -> Iterator[Outcome]:
    for change in model.changes:
        progress(f"applying {change.model} {change.stage}")
        _stamp(change, registry, author, now())
        _move_alias(change, registry)
    _align_classic_stages(model, registry)
    return _read_back(model, registry)


def _stamp(change: Change, registry: Registry, author: Author, now: datetime) -> None:
    if change.carrier is None:
        return
    made = stamp.make(
        move=change.move, version=change.new, previous=change.old, author=author, now=now
    )
    registry.stamp(change.model, change.carrier, change.alias, made)


def _move_alias(change: Change, registry: Registry) -> None:
    if change.old == change.new:
        return
    if change.new is None:
        registry.delete_alias(change.model, change.alias)
    else:
        registry.set_alias(change.model, change.alias, change.new)


def _align_classic_stages(model: ModelPlan, registry: Registry) -> None:
    if not model.classic:
        return
    current = registry.classic_stages(model.model)
    for transition in classic.transitions(current, model.classic):
        registry.set_classic_stage(model.model, transition)


def _after(error: RegistryError, model: ModelPlan, registry: Registry) -> Iterator[Outcome]:
    """What was done before a failure, as far as the registry can still tell."""
    if isinstance(error, _HOPELESS):
        return _all(model, Status.FAILED, str(error))
    try:
        return _read_back(model, registry, str(error))
    except RegistryError:
        return _all(model, Status.FAILED, str(error))


def _read_back(model: ModelPlan, registry: Registry, reason: str = _CHANGED) -> Iterator[Outcome]:
    """The outcomes, by planning once more; what is left over failed for `reason`."""
    held = registry.model(model.model)
    left = plan_model(held, model.targets).changes if held else model.changes
    missing = {change.alias for change in left}
    return (
        Outcome(change=change, status=Status.FAILED, reason=reason)
        if change.alias in missing
        else Outcome(change=change, status=Status.APPLIED)
        for change in model.changes
    )
