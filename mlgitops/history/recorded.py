"""The moves that stamps tell no more, as the records of applies have them. Pure.

A version carries one stamp for each stage, so that its return takes the place of what told of its
first stay. The records of applies keep both, but do not count the moves of a stage: what lies
between two stamps is numbered by the place that they leave.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from mlgitops.core.apply import Status
from mlgitops.core.plan import Action
from mlgitops.core.stage import alias_of
from mlgitops.core.stamp import Author, Stamp, iso, make

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from mlgitops.core.held import Held
    from mlgitops.core.record import Entry
    from mlgitops.core.stage import StageKey

Moves = dict["StageKey", "list[Stamp]"]


def moves(held: Held, entries: Iterable[Entry] = ()) -> Moves:
    """The moves of each stage that stamps or records tell, in their order.

    Args:
        held: what the registry holds now; of other models, nothing is told.
        entries: the changes that applies recorded, the oldest first.
    """
    recorded: dict[StageKey, list[Entry]] = {}
    for entry in entries:
        if entry.model in held.models and entry.outcome == Status.APPLIED:
            recorded.setdefault((entry.model, alias_of(entry.stage)), []).append(entry)
    found = {
        (name, alias): list(stamps.values())
        for name, model in held.models.items()
        for alias, stamps in model.stamps.items()
    }
    for slot, changes in recorded.items():
        stamps = found.setdefault(slot, [])
        stamps += list(_lost(changes, stamps))
    return {slot: sorted(stamps, key=lambda one: one.move) for slot, stamps in found.items()}


def _lost(changes: Iterable[Entry], stamps: Collection[Stamp]) -> Iterator[Stamp]:
    """What the changes of a stage tell beyond its stamps; not what there is no room for."""
    taken = {stamp.move for stamp in stamps}
    last = 0
    waiting: list[Entry] = []
    for told in _told(changes, stamps):
        if isinstance(told, Stamp):
            free = [move for move in range(last + 1, told.move) if move not in taken]
            yield from _numbered(waiting, free)
            last, waiting = max(last, told.move), []
        elif told.action != Action.ALIGN:  # the version was there
            waiting.append(told)
    after = max(taken, default=0) + 1
    yield from _numbered(waiting, range(after, after + len(waiting)))


def _told(changes: Iterable[Entry], stamps: Iterable[Stamp]) -> Iterator[Stamp | Entry]:
    """The stamps of a stage, and the changes that have none, in their order.

    Only a stamp whose record is gone is placed by the clocks of those who applied.
    """
    of_record = {change.record: change for change in changes}
    by_record = {stamp.record: stamp for stamp in stamps if stamp.record in of_record}
    alone = deque(
        sorted((one for one in stamps if one.record not in of_record), key=lambda one: one.move)
    )
    for record, change in of_record.items():
        stamp = by_record.get(record)
        while alone and (alone[0].move < stamp.move if stamp else alone[0].time < iso(change.time)):
            yield alone.popleft()
        yield stamp or change
    yield from alone


def _numbered(changes: Sequence[Entry], free: Sequence[int]) -> Iterator[Stamp]:
    """The latest changes, as many as there is room for, as the latest of the free moves."""
    for move, change in zip(reversed(free), reversed(changes), strict=False):
        yield make(
            move=move,
            version=change.new,
            previous=change.old,
            author=Author(
                commit=change.commit,
                actor=change.actor,
                pull_request=change.pull_request,
                approvers=change.approvers,
                reason=change.commit_reason,
            ),
            now=change.time,
            registry=change.registry,
            owner=change.owner,
            record=change.record,
        )
