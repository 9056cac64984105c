"""What waits to be started, and until when: many changes of one kind are one run. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlgitops.words import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.receiver.events import Event, Kind

_MOST = 10_000  # events of a kind that wait at once
_LONGEST = 60.0  # seconds between two tries


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How fast workflows are started.

    Attributes:
        settle: seconds from the first event of a kind to its start.
        interval: seconds from one start of a kind to the next, at least.
        patience: seconds for which a start that fails is tried again.
    """

    settle: float = 2.0
    interval: float = 30.0
    patience: float = 300.0


@dataclass(kw_only=True, slots=True)
class Batch:
    """The events of one kind: a run of its workflow looks at all models.

    Attributes:
        due: when it is to be started.
        tries: how often that failed.
        until: when it is given up; None before the first failure.
    """

    kind: Kind
    due: float
    events: set[Event] = field(default_factory=set)
    tries: int = 0
    until: float | None = None

    def __str__(self) -> str:
        return f"{self.kind} for {listed(sorted(map(str, self.events)))}"


class Waiting:
    """The batches that wait; times are those of one steady clock, in seconds."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._batches: dict[Kind, Batch] = {}
        self._started: dict[Kind, float] = {}

    def __len__(self) -> int:
        return sum(len(batch.events) for batch in self._batches.values())

    def add(self, event: Event, now: float) -> bool:
        """Let an event wait; False if there is no room."""
        batch = self._batches.get(event.kind)
        if batch and len(batch.events) >= _MOST:
            return False
        self._join(event.kind, {event}, now + self._pace.settle)
        return True

    def _join(self, kind: Kind, events: Iterable[Event], due: float) -> Batch:
        started = self._started.get(kind)
        if started is not None:
            due = max(due, started + self._pace.interval)
        batch = self._batches.setdefault(kind, Batch(kind=kind, due=due))
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
            del self._batches[batch.kind]
        return found

    def all(self) -> list[Batch]:
        """Take everything."""
        found, self._batches = list(self._batches.values()), {}
        return found

    def started(self, batch: Batch, now: float) -> None:
        """Note that a batch was started: the next one of its kind has to wait."""
        self._started[batch.kind] = now
        if after := self._batches.get(batch.kind):
            after.due = max(after.due, now + self._pace.interval)

    def failed(self, batch: Batch, now: float) -> bool:
        """Let a batch wait for its next try; False if it was tried long enough."""
        until = batch.until if batch.until is not None else now + self._pace.patience
        due = now + min(2.0**batch.tries, _LONGEST)
        if due > until:
            return False
        again = self._join(batch.kind, batch.events, due)
        again.due, again.tries, again.until = max(again.due, due), batch.tries + 1, until
        return True
