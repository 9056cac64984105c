"""Who put which version into which stage, when: git's record of models.yaml, joined with stamps.

Pure. Git knows every move that was declared; stamps know which of them were applied, by whom and
when. A version carries one stamp for each stage, of its last move there: of an older stay of the
same version the records of applies tell, where they are read, and else git alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from mlgitops.core.stage import alias_of, classic_stage
from mlgitops.history.author import UNCOMMITTED
from mlgitops.history.recorded import moves

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from mlgitops.core.held import Held
    from mlgitops.core.record import Entry
    from mlgitops.core.stage import StageKey
    from mlgitops.core.stamp import Stamp
    from mlgitops.history.declared import Stages
    from mlgitops.history.revisions import Revision


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """A version's stay in a stage; `version=None`: the stage was empty.

    Attributes:
        since: when it was declared (merged), in git's words; of a move that only a stamp knows,
            when it was applied.
        until: when the next one came that is not pending; None while it lasts.
        by: who applied it, else the author of the commit.
        reason: why, as the commit says; may be empty.
        declared: git says so; False for a move that only a stamp knows.
        pending: the registry holds another version: this one was not applied yet, or refused.
        stamps: those of its moves, oldest first: of its apply, or of heals. What only a record
            tells is among them.
    """

    model: str
    stage: str
    version: int | None
    since: datetime
    until: datetime | None = None
    by: str
    commit: str
    pull_request: str | None
    subject: str = ""
    reason: str = ""
    declared: bool = True
    pending: bool = False
    stamps: tuple[Stamp, ...] = ()

    @property
    def applied(self) -> datetime | None:
        """When a stamp says that it was applied last; a heal applies again."""
        return datetime.fromisoformat(self.stamps[-1].time) if self.stamps else None

    @property
    def record(self) -> str | None:
        """The run that records that apply; None where no stamp names one."""
        return self.stamps[-1].record if self.stamps else None

    @property
    def came(self) -> datetime:
        """When the stage got the version, as the stamps say; else when that was declared."""
        return _came(self.stamps[0]) if self.stamps else self.since

    @property
    def slot(self) -> StageKey:
        """Model and alias."""
        return self.model, alias_of(self.stage)

    @property
    def untold(self) -> bool:
        """Whether only git knows of it: no stamp tells whether it was applied."""
        return not (self.stamps or self.pending)


def timeline(
    revisions: Iterable[Revision], held: Held | None, entries: Iterable[Entry] = ()
) -> tuple[Stay, ...]:
    """All stays, by model and stage in the order of their first appearance, oldest first.

    Their order is that of the commits and of the moves that stamps count, whatever the clocks of
    several machines say.

    Args:
        revisions: of models.yaml, oldest first.
        held: what the registry holds now; None for git's word alone.
        entries: the changes that applies recorded, the oldest first; stamps lack some of them.
    """
    slots: dict[StageKey, list[Stay]] = {}
    places: dict[str, int] = {}  # commit → which revision it has
    before: Stages = {}
    for place, revision in enumerate(revisions):
        places |= dict.fromkeys((revision.commit, *revision.also), place)
        if revision.stages is None:
            continue  # broken at that commit: nothing could be applied from it
        for slot, version in _moves(before, revision.stages):
            slots.setdefault(slot, []).append(_stay(slot, version, revision))
        before = revision.stages
    for slot, stamps in moves(held, entries).items() if held else ():
        slots[slot] = _joined(slots.get(slot, []), slot, stamps, places)
    found = (_beside(stays, held) for stays in slots.values()) if held else slots.values()
    return tuple(stay for stays in found for stay in _with_ends(stays))


def held_at(stays: Iterable[Stay], moment: datetime) -> tuple[Stay, ...]:
    """What each stage held at a moment; empty stages are left out.

    Each stay is as long as the stage held the version, as far as stamps know; where only git's word
    is left, it has no stamps.

    Args:
        stays: whole stages of a timeline.
        moment: with a time zone.
    """
    begun = (stay for stay in actual(stays) if stay.since <= moment)
    last = {stay.slot: stay for stay in begun}
    return tuple(stay for stay in last.values() if stay.version is not None)


def actual(stays: Iterable[Stay]) -> Iterator[Stay]:
    """The stays that were, as far as stamps know: each as long as the stage held the version.

    Args:
        stays: whole stages of a timeline.
    """
    for _, of_slot in groupby(stays, key=lambda stay: (stay.model, stay.stage)):
        yield from _actual(list(of_slot))


def moved_since(stays: Collection[Stay], held: Held) -> Iterator[tuple[Stay, int | None]]:
    """The last stay of each stage that was moved since its last stamp, and what it holds now.

    Args:
        stays: whole stages of a timeline.
        held: what the registry holds now.
    """
    stamped = {stay.slot for stay in stays if stay.stamps}
    last = {stay.slot: stay for stay in actual(stays) if stay.slot in stamped}
    for (model, alias), stay in last.items():
        now = held.model(model).stages.get(alias)
        if now != stay.version:
            yield stay, now


def previous(
    revisions: Iterable[Revision],
    model: str,
    stage: str,
    now: Stages | None = None,
    *,
    but: Collection[int] = (),
) -> int | None:
    """The version that a stage held before its current one, by git; None if there is none.

    Args:
        revisions: of models.yaml, oldest first.
        model: a model.
        stage: one of its stages.
        now: what the file declares, if that may not be committed yet.
        but: versions that are blocked.
    """
    alias = alias_of(stage)
    declared = [one.stages for one in revisions if one.stages is not None]
    held = (stages.get(model, {}).get(alias) for stages in (*declared, *filter(None, [now])))
    return former(held, but)


def former(versions: Iterable[int | None], but: Collection[int] = ()) -> int | None:
    """The version that a stage returns to; None if there is none.

    What was rolled back from does not count: going back twice goes back two versions, and never
    forward to what was wrong. A stage that is empty returns to what it held last.

    Args:
        versions: what the stage was declared to hold, oldest first; repeats change nothing.
        but: versions that it must not return to.
    """
    held: list[int] = []
    now: int | None = None
    for now in versions:
        if now is not None:
            del held[held.index(now) if now in held else len(held) :]
            held.append(now)
    before = held if now is None else held[:-1]
    return next((version for version in reversed(before) if version not in but), None)


def _moves(before: Stages, after: Stages) -> Iterator[tuple[StageKey, int | None]]:
    """The stages whose version is another one now."""
    for model in (*after, *(before.keys() - after.keys())):
        old, new = before.get(model, {}), after.get(model, {})
        if old is not new:
            for alias in (*new, *(old.keys() - new.keys())):
                if old.get(alias) != new.get(alias):
                    yield (model, alias), new.get(alias)


def _stay(slot: StageKey, version: int | None, revision: Revision) -> Stay:
    return Stay(
        model=slot[0],
        stage=classic_stage(slot[1]) or slot[1],
        version=version,
        since=revision.time,
        by=revision.author,
        commit=revision.commit,
        pull_request=revision.pull_request,
        subject=revision.subject,
        reason=revision.reason,
    )


def _joined(
    declared: Sequence[Stay], slot: StageKey, stamps: Sequence[Stamp], places: Mapping[str, int]
) -> list[Stay]:
    """Mark the declared moves that stamps applied; add the moves that git does not know."""
    stays, last = list(declared), 0
    alone = []
    for stamp in stamps:
        index = _declared_by(declared, stamp, places)
        if index is None or index < last:  # or an old commit was applied once more
            alone.append(stamp)
        else:
            last, stay = index, stays[index]
            request = stamp.pull_request or stay.pull_request
            stays[index] = replace(
                stay,
                by=stamp.actor,
                pull_request=request,
                reason=stay.reason or stamp.reason,
                stamps=(*stay.stamps, stamp),
            )
    for stamp in alone:
        stays.insert(_place(stays, stamp), _undeclared(slot, stamp))
    return stays


def _beside(stays: Sequence[Stay], held: Held) -> Sequence[Stay]:
    """The stays of a stage, with which of them the registry does not hold yet.

    A stage that is empty although its last stamp filled it may have lost its version, and with it
    the stamp of a later move: then git's word counts.
    """
    model, alias = stays[0].slot
    now = held.model(model).stages.get(alias)
    stamped = max((place for place, stay in enumerate(stays) if stay.stamps), default=-1)
    if now is None and stamped >= 0 and stays[stamped].version is not None:
        return stays
    return [
        replace(stay, pending=place > stamped and stay.version != now)
        for place, stay in enumerate(stays)
    ]


def _declared_by(declared: Sequence[Stay], stamp: Stamp, places: Mapping[str, int]) -> int | None:
    """The declared move that a stamp applied, if it did: the last one at its commit.

    A commit that is not on this line, such as one that was squashed, counts by its time. What was
    applied from a file that was not committed is nobody's: a later commit may say the same.
    """
    if stamp.commit == UNCOMMITTED:
        return None
    at, moment = places.get(stamp.commit), datetime.fromisoformat(stamp.time)
    count = sum(
        stay.since <= moment if at is None else places[stay.commit] <= at for stay in declared
    )
    return count - 1 if count and declared[count - 1].version == stamp.version else None


def _place(stays: Sequence[Stay], stamp: Stamp) -> int:
    """Where a move belongs among others: after those before it, else by its time."""
    earlier = [i for i, s in enumerate(stays) if s.stamps and s.stamps[-1].move < stamp.move]
    first = earlier[-1] + 1 if earlier else 0
    later = (
        i for i in range(first, len(stays)) if stays[i].stamps or stays[i].since > _came(stamp)
    )
    return next(later, len(stays))


def _undeclared(slot: StageKey, stamp: Stamp) -> Stay:
    return Stay(
        model=slot[0],
        stage=classic_stage(slot[1]) or slot[1],
        version=stamp.version,
        since=_came(stamp),
        by=stamp.actor,
        commit=stamp.commit,
        pull_request=stamp.pull_request,
        reason=stamp.reason,
        declared=False,
        stamps=(stamp,),
    )


def _came(stamp: Stamp) -> datetime:
    return datetime.fromisoformat(stamp.since or stamp.time)


def _actual(stays: Sequence[Stay]) -> Iterator[Stay]:
    """The stays that may have been, each from when the stage got the version."""
    kept: list[Stay] = []
    for stay, before, after in zip(stays, _before(stays), _after(stays), strict=True):
        same = kept and kept[-1].version == stay.version  # it was there already
        if stay.stamps or not (same or stay.pending or _never_came(before, after)):
            since = max([stay.came, *(one.since for one in kept[-1:])])
            kept.append(replace(stay, since=since, until=None))
    return _with_ends(kept)


def _before(stays: Sequence[Stay]) -> Iterator[Stamp | None]:
    """For each stay, the last stamp before it."""
    last = None
    for stay in stays:
        yield last
        last = stay.stamps[-1] if stay.stamps else last


def _after(stays: Sequence[Stay]) -> Iterator[Stamp | None]:
    """For each stay, the first stamp after it."""
    first: Stamp | None = None
    found: list[Stamp | None] = []
    for stay in reversed(stays):
        found.append(first)
        first = stay.stamps[0] if stay.stamps else first
    return reversed(found)


def _never_came(before: Stamp | None, after: Stamp | None) -> bool:
    """Whether the stamps around a declared move leave no room for it: they count the moves."""
    if after is None:
        return False  # what was not applied yet is pending
    if before is None:
        return after.move == 1 and after.previous is None
    return after.move == before.move + 1


def _with_ends(stays: Sequence[Stay]) -> Iterator[Stay]:
    """What is pending has no end, and ends nothing."""
    ended: list[Stay] = []
    following: Stay | None = None
    for stay in reversed(stays):
        if stay.pending:
            ended.append(stay)
            continue
        until = max(stay.since, following.since) if following else None
        ended.append(replace(stay, until=until))
        following = stay
    return reversed(ended)
