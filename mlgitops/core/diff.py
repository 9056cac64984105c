"""Desired × Held → Plan.

Pure: no I/O, no MLflow, no clock. The same two values give the same plan.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlgitops.core.plan import ALIAS, CLASSIC, STAMP, Action, Change, ModelPlan, Plan, Target
from mlgitops.core.stage import BY_ALIAS, PRODUCTION, STAGING, alias_of, classic_stage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mlgitops.core.desired import Desired, DesiredModel
    from mlgitops.core.held import Held, HeldModel
    from mlgitops.core.lock import Lock
    from mlgitops.core.stamp import Stamp


def diff(desired: Desired, held: Held) -> Plan:
    """The plan that turns `held` into `desired`."""
    plans, stages = [], 0
    for name in _names(desired, held):
        wanted, now = desired.models.get(name), held.model(name)
        targets = tuple(_targets(wanted, now, desired))
        stages += len(targets)
        plan = plan_model(now, targets, desired.owner)
        if plan.changes:
            plans.append(_with_unfinished(plan, now, desired.owner, held.locks))
    return Plan(models=tuple(plans), stages=stages, registry=held.registry, owner=desired.owner)


def keeping(plan: Plan, held: Held, kept: Collection[tuple[str, str]]) -> Plan:
    """The rest of a plan where some stages, by model and alias, are to stay as they are.

    An alias or a classic stage of theirs may still have to change, so that they do.
    """
    models = (_keeping(model, held.model(model.model), kept, plan.owner) for model in plan.models)
    return replace(plan, models=tuple(model for model in models if model.changes))


def _keeping(
    plan: ModelPlan, held: HeldModel, kept: Collection[tuple[str, str]], owner: str
) -> ModelPlan:
    targets = tuple(
        replace(one, version=held.stages.get(one.alias), kept=True)
        if (plan.model, one.alias) in kept
        else one
        for one in plan.targets
    )
    return plan if targets == plan.targets else plan_model(held, targets, owner)


def plan_model(held: HeldModel, targets: tuple[Target, ...], owner: str) -> ModelPlan:
    """The plan of one model; without changes, once `held` is what `targets` say."""
    # what others set up as desired is left alone, classic stage included, until its first change
    stamps = {one.alias: _own_stamp(held, one.alias, owner) for one in targets}
    if all(_is_settled(held, one, stamps[one.alias]) for one in targets):
        in_step = _classic(held, _versions(targets, stamps))
        if not any(_is_out_of_step(held, one, in_step) for one in targets):
            return _unchanged(held, targets, in_step)
    own = {alias for alias, stamp in stamps.items() if stamp}
    # a classic stage is out of step if it does not follow from the stages as they are now;
    # one that only has to follow another stage's change is part of that change
    in_step = _classic(held, _held_by(held, own))
    # one that is kept out of step stays so, and the others follow from what it is
    wrong = {one.alias for one in targets if one.kept and _is_out_of_step(held, one, in_step)}
    in_step = _classic(held, _held_by(held, own - wrong))
    found = {
        one.alias: None if one.kept else _change(held, one, in_step, stamps[one.alias])
        for one in targets
    }
    changed = {alias for alias, change in found.items() if change}
    managed = own - wrong | changed
    classic = _classic(held, _versions(targets, managed))
    for target in targets:
        if target.alias not in changed and _is_taken(held, target, classic):
            found[target.alias] = _made(held, target, (ALIAS,), stamps[target.alias])
            classic = _classic(held, _versions(targets, managed | {target.alias}))
    changes = tuple(
        replace(change, displaced=_displaced(held, change, classic))
        for change in found.values()
        if change
    )
    carriers = (change.carrier for change in changes if change.carrier is not None)
    return ModelPlan(
        model=held.name,
        changes=changes,
        targets=targets,
        classic=classic,
        held_classic=dict(held.classic),
        carried={carrier: held.carried_by(carrier) for carrier in carriers},
    )


def _is_settled(held: HeldModel, target: Target, own: Stamp | None) -> bool:
    """Whether a stage is as the file and its stamp say: its classic stage may be out of step."""
    version = target.version
    return (
        own is not None
        and own.version == version
        and held.stages.get(target.alias) == version
        and (version is None or target.alias in held.spelled)
        and not held.is_contested(target.alias)
    )


def _unchanged(
    held: HeldModel, targets: tuple[Target, ...], classic: Mapping[str, int | None]
) -> ModelPlan:
    """The plan of a model that is as desired."""
    return ModelPlan(
        model=held.name,
        changes=(),
        targets=targets,
        classic=classic,
        held_classic=dict(held.classic),
        carried={},
    )


def _with_unfinished(
    plan: ModelPlan, held: HeldModel, owner: str, locks: tuple[Lock, ...]
) -> ModelPlan:
    """The plan, where what an apply left half done is no drift."""
    begun = {
        alias: lock
        for alias in held.stamps
        for lock in locks
        if (stamp := _own_stamp(held, alias, owner)) and lock.wrote(stamp)
    }
    if not begun:
        return plan

    def told(change: Change) -> Change:
        lock = begun.get(change.alias)
        if lock and change.stamp and change.drift and change.old == change.stamp.previous:
            return replace(change, drift=False, unfinished=lock)
        # classic stages follow one another: that of a stage may wait for another stage's move
        return (
            replace(change, unfinished=min(begun.values(), key=str))
            if change.misaligned
            else change
        )

    return replace(plan, changes=tuple(map(told, plan.changes)))


def _versions(targets: tuple[Target, ...], aliases: Collection[str]) -> dict[str, int | None]:
    return {one.alias: one.version for one in targets if one.alias in aliases}


def _held_by(held: HeldModel, aliases: Collection[str]) -> dict[str, int | None]:
    return {alias: held.stages.get(alias) for alias in aliases}


def _is_taken(held: HeldModel, target: Target, classic: Mapping[str, int | None]) -> bool:
    """Whether a stage that is only a classic one loses its version to another classic stage.

    A version has one classic stage: the alias has to say that it stays in this one, too.
    """
    stage, version = classic_stage(target.alias), target.version
    only_classic = target.alias not in held.spelled and held.classic.get(stage or "") == version
    others = (taken for other, taken in classic.items() if other != stage)
    return version is not None and only_classic and version in others


def _displaced(held: HeldModel, change: Change, classic: Mapping[str, int | None]) -> str:
    """The classic stage that others gave a version, and that it leaves for another one."""
    stage = classic_stage(change.alias)
    if change.new is None or stage is None or classic.get(stage) != change.new:
        return ""
    left = (
        other
        for other, version in held.classic.items()
        if version == change.new and other not in classic and alias_of(other) not in held.spelled
    )
    return next(left, "")


def _names(desired: Desired, held: Held) -> Iterator[str]:
    yield from desired.models
    yield from sorted(held.models.keys() - desired.models.keys())


def _targets(wanted: DesiredModel | None, held: HeldModel, desired: Desired) -> Iterator[Target]:
    """The managed stages of a model: those in the file, and those that only their stamp claims."""
    listed = {stage.alias: stage for stage in wanted.stages} if wanted else {}
    # a version is never in a stage before it is in those that it is promoted from
    for alias in sorted(listed, key=desired.stages.rank):
        stage = listed[alias]
        yield Target(stage=stage.name, alias=alias, version=stage.version, where=stage.where)
    for alias in claimed(held, listed, desired.owner):
        yield Target(
            stage=desired.stages.name_of(alias),
            alias=alias,
            version=None,
            unlisted=desired.file,
            where=wanted.where if wanted else None,
        )


def claimed(held: HeldModel, listed: Collection[str], owner: str) -> list[str]:
    """The stages that are not listed, but are the owner's, by their aliases."""
    unlisted = (held.stages.keys() | held.stamps.keys()).difference(listed)
    return [alias for alias in sorted(unlisted) if _is_claimed(held, alias, owner)]


def _is_claimed(held: HeldModel, alias: str, owner: str) -> bool:
    """Whether the newest stamp of a stage that is not in the file says that it is the owner's.

    That is so while the version that carries the stamp holds the stage: it was set by mlgitops,
    or an apply that had stamped it empty was killed before it removed the alias or the classic
    stage.
    """
    newest = held.newest_stamp(alias)
    if newest is None or newest[1].owner != owner:
        return False
    carrier, stamp = newest
    return held.stages.get(alias) == carrier and stamp.version in (carrier, None)


def _classic(held: HeldModel, managed: Mapping[str, int | None]) -> dict[str, int | None]:
    """Which version each managed classic stage is to resolve to, given the managed aliases.

    A version has one classic stage only: where Staging and Production hold the same version,
    Production has it, and the classic Staging is empty.
    """
    if not held.has_classic:
        return {}
    wanted = {stage: managed[alias] for alias, stage in BY_ALIAS.items() if alias in managed}
    in_production = wanted.get(PRODUCTION, held.classic.get(PRODUCTION))
    if STAGING in wanted and wanted[STAGING] == in_production:
        wanted[STAGING] = None
    return wanted


def _own_stamp(held: HeldModel, alias: str, owner: str) -> Stamp | None:
    """The newest stamp of a stage; None if nobody's, or another owner's."""
    newest = held.newest_stamp(alias)
    return newest[1] if newest and newest[1].owner == owner else None


def _change(
    held: HeldModel, target: Target, classic: Mapping[str, int | None], own: Stamp | None
) -> Change | None:
    in_place = held.stages.get(target.alias) == target.version
    misaligned = tuple(_misaligned(held, target, classic, own)) if in_place else ()
    return None if in_place and not misaligned else _made(held, target, misaligned, own)


def _made(
    held: HeldModel, target: Target, misaligned: tuple[str, ...], own: Stamp | None
) -> Change:
    old, new = held.stages.get(target.alias), target.version
    newest = held.newest_stamp(target.alias)
    return Change(
        model=held.name,
        stage=target.stage,
        action=_action(old, new),
        old=old,
        new=new,
        move=(newest[1].move if newest else 0) + 1,
        carrier=_carrier(old, new, newest, misaligned),
        stamp=own,
        drift=own is not None and own.version != old,
        held_before=_held_before(held, target),
        misaligned=misaligned,
        spelled=held.spelled.get(target.alias),
        elsewhere="" if own else held.owner_of(target.alias) or "",
        unlisted=target.unlisted,
        prompt=held.prompt,
        where=target.where,
    )


def _carrier(
    old: int | None,
    new: int | None,
    newest: tuple[int, Stamp] | None,
    misaligned: tuple[str, ...],
) -> int | None:
    if old == new and STAMP not in misaligned:
        return None
    if new is not None or old is not None:
        return new if new is not None else old
    return newest[0] if newest else None


def _held_before(held: HeldModel, target: Target) -> bool:
    """Whether a stamp says so: the version's own, or one that names it as previous."""
    stamps = held.stamps.get(target.alias, {})
    return target.version in stamps or any(s.previous == target.version for s in stamps.values())


def _action(old: int | None, new: int | None) -> Action:
    if old == new:
        return Action.ALIGN
    if new is None:
        return Action.EMPTY
    return Action.FILL if old is None else Action.REPLACE


def _misaligned(
    held: HeldModel, target: Target, classic: Mapping[str, int | None], own: Stamp | None
) -> Iterator[str]:
    if own is None:
        return  # it was set up by others, and is as desired: leave it alone
    if target.version is not None and target.alias not in held.spelled:
        yield ALIAS
    if _is_out_of_step(held, target, classic):
        yield CLASSIC
    if own.version != target.version or held.is_contested(target.alias):
        yield STAMP


def _is_out_of_step(held: HeldModel, target: Target, classic: Mapping[str, int | None]) -> bool:
    stage = classic_stage(target.alias)
    return stage is not None and stage in classic and held.classic.get(stage) != classic[stage]
