"""Plan → Outcomes: the only module that writes to the registry.

For each model: every changed stage is stamped, then its alias moves; then the classic stages are
brought in step. Models are written at the same time, as many as the registry allows. Then all are
read back and planned once more, which must find nothing to do. Whatever request an apply is killed
at, the next one finds the rest and does it.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from mlgitops.core import classic
from mlgitops.core import stamp as stamps
from mlgitops.core.diff import plan_model
from mlgitops.core.plan import CLASSIC
from mlgitops.errors import (
    RegistryDeniedError,
    RegistryError,
    RegistryFaultError,
    RegistryTimeoutError,
    RegistryUnreachableError,
)
from mlgitops.words import pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from mlgitops.core.held import Held
    from mlgitops.core.plan import Change, ModelPlan, Plan
    from mlgitops.core.registry import Registry
    from mlgitops.core.stamp import Author, Stamp

# these will meet every other model too: asking again for each would only take time
_HOPELESS = (RegistryUnreachableError, RegistryTimeoutError, RegistryDeniedError)
_FAULTS = 3  # models in a row that meet an error of the server's own: so will the others
_CHANGED = "it was changed again after the write, perhaps by someone else; apply again"


class Status(StrEnum):
    """What became of a change."""

    APPLIED = "applied"
    FAILED = "failed"
    SKIPPED = "not attempted"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one change, and why it failed, was not attempted or was refused."""

    change: Change
    status: Status
    reason: str = ""


@dataclass(kw_only=True, slots=True)
class _Written:
    """What was done for one model.

    Attributes:
        stamped: alias → the stamp that was written for it.
        error: why it could not all be done.
        skipped: why nothing was tried.
    """

    plan: ModelPlan
    stamped: dict[str, Stamp] = field(default_factory=dict)
    error: RegistryError | None = None
    skipped: str = ""


def execute(
    pending: Plan,
    registry: Registry,
    authors: Callable[[Change], Author],
    now: Callable[[], datetime],
    progress: Callable[[str], None] = lambda _: None,
    *,
    record: str | None = None,
) -> tuple[Outcome, ...]:
    """Apply a plan. One model that fails does not stop the others; never raises RegistryError.

    `record` is the id of the run that records this apply, for the stamps.
    """

    def make(change: Change) -> Stamp:
        return stamps.make(
            move=change.move,
            version=change.new,
            previous=change.old,
            author=authors(change),
            now=now(),
            registry=registry.identity,
            owner=pending.owner,
            since=change.since,
            record=record,
        )

    written = _Writer(registry, make, progress).all(pending.models)
    readable = [one for one in written if not one.skipped and not _is_hopeless(one.error)]
    try:
        held = _read_back(readable, registry, pending.owner)
    except RegistryError as error:
        for one in readable:
            one.error = one.error or error
        held = None
    return tuple(outcome for one in written for outcome in _outcomes(one, held, pending.owner))


class _Writer:
    """Writes models, several at the same time; none after one has shown that there is no hope."""

    def __init__(
        self,
        registry: Registry,
        make: Callable[[Change], Stamp],
        progress: Callable[[str], None],
    ) -> None:
        self._registry, self._make, self._progress = registry, make, progress
        self._hopeless = ""
        self._faults = 0

    def all(self, models: Sequence[ModelPlan]) -> list[_Written]:
        """What was done for each model."""
        begun, total = time.monotonic(), sum(len(model.changes) for model in models)
        written, done = [], 0
        with ThreadPoolExecutor(self._registry.at_once) as threads:
            for one in threads.map(self._write, models):
                written.append(one)
                done += len(one.plan.changes)
                seconds = time.monotonic() - begun
                self._progress(f"applying changes: {pace(done, total, seconds)}")
        return written

    def _write(self, model: ModelPlan) -> _Written:
        done = _Written(plan=model, skipped=self._hopeless)
        if done.skipped:
            return done
        carried = {version: dict(stamped) for version, stamped in model.carried.items()}
        try:
            for change in model.changes:
                if change.carrier is not None:
                    made = carried[change.carrier][change.alias] = self._make(change)
                    self._registry.stamp(change.model, change.carrier, carried[change.carrier])
                    done.stamped[change.alias] = made
                _move_alias(change, self._registry)
            current = {version: stage for stage, version in model.held_classic.items()}
            _align_classic_stages(model, current, self._registry)
        except RegistryError as error:
            done.error = error
        self._judge(done.error)
        return done

    def _judge(self, error: RegistryError | None) -> None:
        """Whether it makes sense to go on."""
        self._faults = self._faults + 1 if isinstance(error, RegistryFaultError) else 0
        if error and (_is_hopeless(error) or self._faults >= _FAULTS):
            self._hopeless = str(error)


def _is_hopeless(error: RegistryError | None) -> bool:
    return isinstance(error, _HOPELESS)


def _move_alias(change: Change, registry: Registry) -> None:
    if change.new is None:
        if change.spelled is not None:
            registry.delete_alias(change.model, change.spelled)
    elif change.spelled is None or change.old != change.new:
        # an alias keeps its spelling: on some databases another one would be a second alias
        registry.set_alias(change.model, change.spelled or change.alias, change.new)


def _align_classic_stages(model: ModelPlan, current: dict[int, str], registry: Registry) -> None:
    for transition in classic.transitions(current, model.classic):
        registry.set_classic_stage(model.model, transition)


def _read_back(written: list[_Written], registry: Registry, owner: str) -> Held:
    """What the models hold now.

    Pages show the latest version of each classic stage only. Where an older one comes to light
    after the latest has left, all versions are read, and the stage is aligned once more.
    """
    held = registry.held_again([one.plan.model for one in written])
    again = [one for one in written if not one.error and _only_classic_left(one.plan, held, owner)]
    for one in again:
        name = one.plan.model
        try:
            _align_classic_stages(one.plan, dict(registry.classic_stages(name)), registry)
        except RegistryError as error:
            one.error = error
    return registry.held_again([one.plan.model for one in written]) if again else held


def _only_classic_left(model: ModelPlan, held: Held, owner: str) -> bool:
    left = plan_model(held.model(model.model), model.targets, owner).changes
    return bool(left) and all(
        change.misaligned == (CLASSIC,) or (change.spelled is None and change.new is None)
        for change in left
    )


def _outcomes(written: _Written, held: Held | None, owner: str) -> Iterator[Outcome]:
    """The outcomes, by planning once more."""
    changes = written.plan.changes
    if written.skipped:
        yield from (
            Outcome(change=c, status=Status.SKIPPED, reason=written.skipped) for c in changes
        )
        return
    missing = _missing(written, held, owner)
    for change in changes:
        if change.alias in missing:
            reason = str(written.error or _CHANGED)
            yield Outcome(change=change, status=Status.FAILED, reason=reason)
        else:
            yield Outcome(change=change, status=Status.APPLIED)


def _missing(written: _Written, held: Held | None, owner: str) -> set[str]:
    """The stages that are not as they were to be, as far as the registry can still tell."""
    plan = written.plan
    if held is None or _is_hopeless(written.error):
        return {change.alias for change in plan.changes}
    model = held.model(plan.model)
    left = {change.alias for change in plan_model(model, plan.targets, owner).changes}
    carriers = {change.alias: change.carrier for change in plan.changes}
    lost = {
        alias
        for alias, made in written.stamped.items()
        if model.stamps.get(alias, {}).get(carriers[alias] or 0) != made
    }
    return left | lost
