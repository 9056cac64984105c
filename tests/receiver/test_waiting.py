"""When what waits is started: quickly, seldom, and not for ever."""

from __future__ import annotations

import pytest

from mlgitops.receiver.events import Event, Kind
from mlgitops.receiver.waiting import Pace, Waiting

PACE = Pace(settle=2, interval=60, patience=300)


@pytest.fixture
def waiting() -> Waiting:
    """Nothing waits."""
    return Waiting(PACE)


def new(version: int, model: str = "wind") -> Event:
    """A new version."""
    return Event(kind=Kind.VERSION, model=model, version=version)


def moved(model: str) -> Event:
    """An alias that was moved."""
    return Event(kind=Kind.DRIFT, model=model, alias="production")


def test_the_first_event_is_soon_due(waiting: Waiting) -> None:
    """Others that come while it settles go with it, and do not put it off."""
    assert waiting.next is None
    assert waiting.add(new(1), 100)
    assert waiting.add(new(2), 101.9)
    assert waiting.next == 102
    assert not waiting.due(101.9)
    (batch,) = waiting.due(102)
    assert batch.events == {new(1), new(2)}
    assert len(waiting) == 0


def test_a_workflow_is_started_once_per_interval(waiting: Waiting) -> None:
    """A thousand versions of a thousand models in a minute are two starts; Drift waits for none."""
    starts = []
    for tick in range(1000):
        now = 100 + tick * 0.06
        waiting.add(new(1, f"m{tick}"), now)
        for batch in waiting.due(now):
            waiting.started(batch, now)
            starts.append(len(batch.events))
    assert waiting.add(moved("wind"), 160)
    assert len(starts) == 1
    drift, versions = sorted(waiting.due(163), key=lambda batch: batch.kind)
    assert (drift.kind, drift.events) == (Kind.DRIFT, {moved("wind")})
    assert starts[0] + len(versions.events) == 1000


def test_what_comes_during_a_start_waits(waiting: Waiting) -> None:
    """It is another batch, and due an interval later."""
    waiting.add(new(1), 100)
    (batch,) = waiting.due(102)
    waiting.add(new(2), 103)
    waiting.started(batch, 104)
    assert waiting.next == 164


def test_a_failure_is_tried_again_for_a_while(waiting: Waiting) -> None:
    """After 1, 2, 4 … seconds, at most 60, until 300 seconds after the first failure."""
    waiting.add(new(1), 98)
    now, waits = 100.0, []
    (batch,) = waiting.due(now)
    while waiting.failed(batch, now):
        assert waiting.next is not None
        waits.append(waiting.next - now)
        now = waiting.next
        (batch,) = waiting.due(now)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert batch.events == {new(1)}


def test_what_comes_meanwhile_goes_with_the_next_try(waiting: Waiting) -> None:
    """It does not hurry it, and is not lost."""
    waiting.add(new(1), 98)
    (batch,) = waiting.due(100)
    waiting.add(new(2), 100)
    assert waiting.failed(batch, 110)
    waiting.add(new(3), 110)
    assert waiting.next == 111
    (batch,) = waiting.due(111)
    assert (batch.tries, len(batch.events)) == (1, 3)


def test_room_is_limited(waiting: Waiting) -> None:
    """What waits does not take all memory."""
    taken = [waiting.add(moved(f"m{number}"), 100) for number in range(10_001)]
    assert taken == [True] * 10_000 + [False]
    assert waiting.add(new(1), 100)
