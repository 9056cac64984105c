"""What waits to be started, and until when: many changes of one target are one run. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlgitops.receiver.events import Kind
from mlgitops.words import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.receiver.events import Event

Target = tuple[Kind, str]
_MOST = 10_000  # targets, and events of each, that wait at once
_LONGEST = 60.0  # seconds between two tries


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How fast targets are started.

    Attributes:
        settle: seconds from the first event of a target to its start.
        interval: seconds from one start of a target to the next, at least.
        patience: seconds for which a start that fails is tried again.
    """

    settle: float = 2.0
    interval: float = 60.0
    patience: float = 300.0


@dataclass(kw_only=True, slots=True)
class Batch:
    """The events of one target.

    Attributes:
        due: when it is to be started.
        tries: how often that failed.
        until: when it is given up; None before the first failure.
    """

    target: Target
    due: float
    events: set[Event] = field(default_factory=set)
    tries: int = 0
    until: float | None = None

    def __str__(self) -> str:
        kind, _ = self.target
        return f"{kind} for {listed(sorted(map(str, self.events)))}"


def target_of(event: Event) -> Target:
    """What a start concerns: a model that has a new version; Drift looks at all of them."""
    return (event.kind, event.model if event.kind is Kind.VERSION else "")


class Waiting:
    """The batches that wait; times are those of one steady clock, in seconds."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._batches: dict[Target, Batch] = {}
        self._started: dict[Target, float] = {}

    def __len__(self) -> int:
        return sum(len(batch.events) for batch in self._batches.values())

    def add(self, event: Event, now: float) -> bool:
        """Let an event wait; False if there is no room."""
        target = target_of(event)
        batch = self._batches.get(target)
        if len(self._batches if batch is None else batch.events) >= _MOST:
            return False
        self._join(target, {event}, now + self._pace.settle)
        return True

    def _join(self, target: Target, events: Iterable[Event], due: float) -> Batch:
        started = self._started.get(target)
        if started is not None:
            due = max(due, started + self._pace.interval)
        batch = self._batches.setdefault(target, Batch(target=target, due=due))
        batch.events |= set(events)
        return batch

    @property
    def next(self) -> float | None:
        """When something is due; None while nothing waits."""
        return min((batch.due for batch in self._batches.values()), default=None)

    def due(self, now: float) -> list[Batch]:
        """Take what is due, what has waited longest first."""
        found = sorted((b for b in self._batches.values() if b.due <= now), key=lambda b: b.due)
        for batch in found:
            del self._batches[batch.target]
        return found

    def all(self) -> list[Batch]:
        """Take everything."""
        found, self._batches = list(self._batches.values()), {}
        return found

    def started(self, batch: Batch, now: float) -> None:
        """Note that a batch was started: the next one of its target has to wait."""
        past = now - self._pace.interval
        self._started = {one: at for one, at in self._started.items() if at > past}
        self._started[batch.target] = now
        if after := self._batches.get(batch.target):
            after.due = max(after.due, now + self._pace.interval)

    def failed(self, batch: Batch, now: float) -> bool:
        """Let a batch wait for its next try; False if it was tried long enough."""
        until = batch.until if batch.until is not None else now + self._pace.patience
        due = now + min(2.0**batch.tries, _LONGEST)
        if due > until:
            return False
        again = self._join(batch.target, batch.events, due)
        again.due, again.tries, again.until = max(again.due, due), batch.tries + 1, until
        return True
