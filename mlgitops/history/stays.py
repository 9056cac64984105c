"""Who put which version into which stage, when: git's record of models.yaml, joined with stamps.

Pure. Git knows every move that was declared; stamps know which of them were applied, by whom and
when. A version carries one stamp for each stage, of its last move there: of an older stay of the
same version only git's record is left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from mlgitops.core.stage import alias_of, classic_stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlgitops.core.held import Held
    from mlgitops.core.stamp import Stamp
    from mlgitops.history.declared import Stages
    from mlgitops.history.revisions import Revision

StageKey = tuple[str, str]  # model, alias


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """A version's stay in a stage; `version=None`: the stage was empty.

    Attributes:
        since: when it was declared (merged), in git's words; of a move that only a stamp knows,
            when it was applied.
        until: when the next one came; None while it lasts.
        by: who applied it, else the author of the commit.
        applied: when a stamp says that it was applied last; a heal applies again.
        declared: git says so; False for a move that only a stamp knows.
        record: the run that records the apply; None where no stamp names one.
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
    applied: datetime | None = None
    declared: bool = True
    record: str | None = None


def timeline(revisions: Iterable[Revision], held: Held | None) -> tuple[Stay, ...]:
    """All stays, by model and stage in the order of their first appearance, oldest first."""
    slots: dict[StageKey, list[Stay]] = {}
    before: Stages = {}
    for revision in revisions:
        if revision.stages is None:
            continue  # broken at that commit: nothing could be applied from it
        for slot, version in _moves(before, revision.stages):
            slots.setdefault(slot, []).append(_stay(slot, version, revision))
        before = revision.stages
    for slot, version, stamp in _stamps(held):
        _join(slots.setdefault(slot, []), slot, version, stamp)
    return tuple(stay for stays in slots.values() for stay in _with_ends(stays))


def held_at(stays: Iterable[Stay], moment: datetime) -> tuple[Stay, ...]:
    """What each stage held at a moment; empty stages are left out."""
    return tuple(
        stay
        for stay in stays
        if stay.version is not None
        and stay.since <= moment
        and (stay.until is None or moment < stay.until)
    )


def previous(revisions: Iterable[Revision], model: str, stage: str) -> int | None:
    """The version that a stage held before its current one, by git; None if there is none.

    What was rolled back from does not count: going back twice goes back two versions, and never
    forward to what was wrong.
    """
    slot = (model, alias_of(stage))
    held: list[int] = []
    for stay in timeline(revisions, None):
        if version := _of_slot(stay, slot):
            del held[held.index(version) if version in held else len(held) :]
            held.append(version)
    return held[-2] if len(held) > 1 else None


def _of_slot(stay: Stay, slot: StageKey) -> int | None:
    return stay.version if (stay.model, alias_of(stay.stage)) == slot else None


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
    )


def _stamps(held: Held | None) -> Iterator[tuple[StageKey, int | None, Stamp]]:
    for name, model in held.models.items() if held else ():
        for alias, stamps in model.stamps.items():
            for stamp in sorted(stamps.values(), key=lambda one: one.move):
                yield (name, alias), stamp.version, stamp


def _join(stays: list[Stay], slot: StageKey, version: int | None, stamp: Stamp) -> None:
    """Mark the declared move that a stamp applied; add the move if git does not know it."""
    moment = datetime.fromisoformat(stamp.time)
    for index in reversed(range(len(stays))):
        stay = stays[index]
        # applied at its own commit, or later: by a heal, or with commits that came after it
        declared = stay.declared and (stay.commit == stamp.commit or stay.since <= moment)
        if stay.version == version and declared:
            request = stamp.pull_request or stay.pull_request
            stays[index] = replace(
                stay,
                by=stamp.actor,
                pull_request=request,
                applied=moment,
                record=stamp.record,
            )
            return
    stays.append(
        Stay(
            model=slot[0],
            stage=classic_stage(slot[1]) or slot[1],
            version=version,
            since=moment,
            by=stamp.actor,
            commit=stamp.commit,
            pull_request=stamp.pull_request,
            applied=moment,
            declared=False,
            record=stamp.record,
        )
    )


def _with_ends(stays: list[Stay]) -> Iterator[Stay]:
    ordered = sorted(stays, key=lambda stay: stay.since)
    for stay, following in zip(ordered, [*ordered[1:], None], strict=True):
        yield replace(stay, until=following.since) if following else stay
