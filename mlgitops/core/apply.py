"""Plan → Outcomes: the only module that writes to the registry.

It waits for its turn, reads again what it is about to write, and leaves alone what has changed
since. For each model: every changed stage is stamped, then its alias moves; then the classic stages
are brought in step. Models are written at the same time, as many as the registry allows. Then all
are read back and planned once more, which must find nothing to do. Whatever request an apply is
killed at, the next one finds the rest and does it.
"""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from mlgitops.core import classic
from mlgitops.core import stamp as stamps
from mlgitops.core.diff import claimed, plan_model
from mlgitops.core.lock import Lock
from mlgitops.core.plan import CLASSIC
from mlgitops.core.turn import Turn, Watch
from mlgitops.errors.registry import (
    RegistryDeniedError,
    RegistryError,
    RegistryFaultError,
    RegistryGoneError,
    RegistryTimeoutError,
    RegistryUnreachableError,
)
from mlgitops.words import pace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime

    from mlgitops.core.held import Held, HeldModel
    from mlgitops.core.plan import Change, ModelPlan, Plan
    from mlgitops.core.registry import Registry
    from mlgitops.core.stamp import Author, Stamp

# these will meet every other model too: asking again for each would only take time
_HOPELESS = (RegistryUnreachableError, RegistryTimeoutError, RegistryDeniedError)
_FAULTS = 3  # models in a row that meet an error of the server's own: so will the others
_CHANGED = "it was changed again after the write, perhaps by someone else; apply again"
_STALE = "it was changed by someone else after it was planned; apply again"
_DONE = "someone else made this change after it was planned"


class Status(StrEnum):
    """What became of a change."""

    APPLIED = "applied"
    FAILED = "failed"
    HALF_DONE = "half done"
    SKIPPED = "not attempted"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one change, and why not all of it was done or could be read back.

    A refused change was not attempted because a gate or a guard is against it.
    """

    change: Change
    status: Status
    reason: str = ""


@dataclass(kw_only=True, slots=True)
class _Written:
    """What was done for one model.

    Attributes:
        begun: the aliases of the stages of which something was asked.
        stamped: alias → the stamp that was written for it.
        error: why it could not all be done.
        skipped: why nothing was tried.
    """

    plan: ModelPlan
    begun: set[str] = field(default_factory=set)
    stamped: dict[str, Stamp] = field(default_factory=dict)
    error: RegistryError | None = None
    skipped: str = ""

    @property
    def readable(self) -> bool:
        """Whether it makes sense to read it back."""
        return not self.skipped and not _is_hopeless(self.error)


def execute(
    pending: Plan,
    registry: Registry,
    authors: Callable[[Change], Author],
    now: Callable[[], datetime],
    watch: Watch | None = None,
    *,
    interrupted: Collection[Lock] = (),
    record: str | None = None,
) -> tuple[Outcome, ...]:
    """Apply a plan. One model that fails does not stop the others; never raises RegistryError.

    Args:
        pending: what is to be done.
        registry: where.
        authors: whose change each change is.
        now: the time, with a time zone.
        watch: how the apply is told of, and told to end.
        interrupted: earlier applies of which nothing is left half done once all of this plan is.
        record: the id of the run that records this apply, for the stamps.

    Raises:
        ApplyUnderWayError: another apply writes, and does not end; nothing was changed.
    """
    watch = watch or Watch()

    def make(change: Change) -> Stamp:
        return stamps.make(
            move=change.move,
            version=change.new,
            previous=change.before,
            author=authors(change),
            now=now(),
            registry=registry.identity,
            owner=pending.owner,
            since=change.since,
            record=record,
        )

    outcomes: tuple[Outcome, ...] = ()
    if pending.models:
        try:
            lock = _lock(pending, authors(pending.changes[0]))
            with Turn(registry, lock, now, watch) as turn:
                outcomes = _applied(pending, registry, make, turn, watch)
        except RegistryError as error:
            return _skipped(pending.changes, str(error))
    # what is half done again is told by this apply's own lock
    if all(outcome.status in (Status.APPLIED, Status.HALF_DONE) for outcome in outcomes):
        _forget((one for one in interrupted if one.owner == pending.owner), registry, watch)
    return outcomes


def _lock(pending: Plan, author: Author) -> Lock:
    """The lock of this apply; its turn says when it begins."""
    return Lock(
        id=secrets.token_hex(8),
        owner=pending.owner,
        actor=author.actor,
        commit=author.commit,
        begun="",
        alive="",
    )


def _applied(
    pending: Plan,
    registry: Registry,
    make: Callable[[Change], Stamp],
    turn: Turn,
    watch: Watch,
) -> tuple[Outcome, ...]:
    """What became of each change, in this apply's turn."""
    try:
        again = registry.held_again([one.model for one in pending.models])
    except RegistryError as error:
        return _skipped(pending.changes, str(error))
    written = _Writer(registry, make, turn, again, watch.progress).all(pending)
    readable = [one for one in written if one.readable]
    try:
        held, unread = _read_back(readable, registry, pending.owner), ""
    except RegistryError as error:
        held, unread = None, f"it could not be read back: {error}"
    outcomes = tuple(
        outcome for one in written for outcome in _outcomes(one, held, unread, pending.owner)
    )
    half_done = any(outcome.status is Status.HALF_DONE for outcome in outcomes)
    turn.complete = not half_done and all(one.skipped or one.readable for one in written)
    return outcomes


def _skipped(changes: Iterable[Change], reason: str) -> tuple[Outcome, ...]:
    return tuple(Outcome(change=one, status=Status.SKIPPED, reason=reason) for one in changes)


def _forget(finished: Iterable[Lock], registry: Registry, watch: Watch) -> None:
    """Remove the locks of interrupted applies that have left nothing half done any more."""
    for lock in finished:
        try:
            registry.remove_lock(replace(lock, aside=True))
        except RegistryGoneError:
            continue  # it was not taken over, but ended by itself
        except RegistryError as error:
            watch.warn(f"the lock {lock.name} is left behind: {error}")


class _Writer:
    """Writes models, several at the same time; none after one has shown that there is no hope."""

    def __init__(
        self,
        registry: Registry,
        make: Callable[[Change], Stamp],
        turn: Turn,
        again: Held,
        progress: Callable[[str], None],
    ) -> None:
        self._registry, self._make, self._progress = registry, make, progress
        self._turn, self._again = turn, again
        self._hopeless = ""
        self._faults = 0

    def all(self, pending: Plan) -> list[_Written]:
        """What was done for each model."""
        begun, total = time.monotonic(), len(pending.changes)
        written, done = [], 0

        def write(model: ModelPlan) -> _Written:
            held = self._again.model(model.model)
            again = plan_model(held, model.targets, pending.owner)
            if stale := _stale(model, again, held, pending.owner):
                return _Written(plan=model, skipped=stale)
            return self._write(replace(again, changes=model.changes))

        with ThreadPoolExecutor(self._registry.at_once) as threads:
            for one in threads.map(write, pending.models):
                written.append(one)
                done += len(one.plan.changes)
                seconds = time.monotonic() - begun
                self._progress(f"applying changes: {pace(done, total, seconds)}")
        return written

    def _write(self, model: ModelPlan) -> _Written:
        done = _Written(plan=model, skipped=self._hopeless or self._turn.over)
        if done.skipped:
            return done
        carried = {version: dict(stamped) for version, stamped in model.carried.items()}
        try:
            for change in model.changes:
                done.begun.add(change.alias)
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


def _stale(planned: ModelPlan, again: ModelPlan, held: HeldModel, owner: str) -> str:
    """Why a model's changes are not those that were planned; empty if they are."""
    if claimed(held, {target.alias for target in planned.targets}, owner):
        return _STALE  # another file of the owner's has filled another stage
    if not again.changes:
        return _DONE
    # what is said of a change beside what it does is not known from the model alone
    now, then = (
        [replace(change, drift=False, unfinished=None) for change in one.changes]
        for one in (again, planned)
    )
    return "" if now == then else _STALE


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


def _outcomes(written: _Written, held: Held | None, unread: str, owner: str) -> Iterator[Outcome]:
    """The outcomes, by planning once more."""
    changes, error = written.plan.changes, str(written.error or "")
    if written.skipped:
        yield from _skipped(changes, written.skipped)
        return
    missing = _missing(written, held, owner) if held and written.readable else None
    for change in changes:
        status, reason = Status.APPLIED, ""
        if missing is None and not error:
            reason = unread  # the registry has confirmed each request
        elif missing is None or change.alias in missing:
            status, reason = _failure(change, written), error or _CHANGED
        yield Outcome(change=change, status=status, reason=reason)


def _failure(change: Change, written: _Written) -> Status:
    """What became of a change that is not all done."""
    if change.alias not in written.begun:
        return Status.SKIPPED
    half = written.error and change.alias in written.stamped
    return Status.HALF_DONE if half else Status.FAILED


def _missing(written: _Written, held: Held, owner: str) -> set[str]:
    """The stages that are not as they were to be."""
    plan = written.plan
    model = held.model(plan.model)
    left = {change.alias for change in plan_model(model, plan.targets, owner).changes}
    carriers = {change.alias: change.carrier for change in plan.changes}
    lost = {
        alias
        for alias, made in written.stamped.items()
        if model.stamps.get(alias, {}).get(carriers[alias] or 0) != made
    }
    return left | lost
