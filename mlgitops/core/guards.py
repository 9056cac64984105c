"""Guards: the conditions that a change must meet to be applied, whatever its version is worth.

Pure. Each refuses by default and is allowed by name (`mlgitops.core.permissions`). Two guards judge
the plan as a whole and refuse all its changes: `stale-plan`, and `many-changes`, which lets
rollbacks pass.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core.permissions import LABEL, ROLLBACK_LABEL, Guard, Permission, by_exceptions
from mlgitops.core.plan import Action
from mlgitops.core.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from mlgitops.core.desired import Desired, Freeze
    from mlgitops.core.permissions import Allowed
    from mlgitops.core.plan import Change, Plan
    from mlgitops.core.proof import Proofs
    from mlgitops.core.version import VersionKey
    from mlgitops.errors import Where

_MANY_STAGES = 10  # below this, a share says nothing
_MANY_SHARE = 0.3
_NONE: Mapping[VersionKey, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class Objection:
    """What a guard says against a change, and what allows that by name.

    Attributes:
        by: what allows it; None if nothing does.
        model: None if it is said against the plan as a whole.
        stage: the stage of the change.
    """

    guard: Guard
    reason: str
    by: Allowed | None = None
    model: str | None = None
    stage: str | None = None
    where: Where | None = None

    @property
    def allowed(self) -> bool:
        """Whether it does not refuse."""
        return self.by is not None

    @property
    def allowed_by(self) -> str:
        """What allows it, for people; empty if nothing does."""
        return self.by.text if self.by else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A plan that was shown.

    Attributes:
        fingerprint: of the models.yaml that it was made of.
        refused: the stages whose change was refused, by model and alias.
    """

    plan: Plan
    fingerprint: str
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def accepted(self) -> tuple[Change, ...]:
        """The changes that were not refused."""
        refused = frozenset(self.refused)
        return tuple(c for c in self.plan.changes if (c.model, c.alias) not in refused)

    def scope(self, name: str) -> Scope | None:
        """The models that it was about, where it was not about all; `name` is what it is called."""
        models = self.plan.scope
        return None if models is None else Scope(models=models, why=f"planned in {name}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """On what terms a plan is to be applied.

    Attributes:
        now: the time that freezes are compared with; has a time zone.
        permission: what flags allow for every change.
        own: what is allowed for one change alone, by the pull request that asks for it.
        before: whether what models.yaml says of a model's stage, by its alias, is not under
            review: a change of it was pending before, and decides nothing.
        fingerprint: of the models.yaml that the plan is made of.
        shown: the plan that was shown before; None where none was.
        proofs: what the tests of serving images came to; None where none is asked for.
    """

    now: datetime
    permission: Permission = field(default_factory=Permission)
    own: Callable[[Change], Permission] = lambda _: Permission()
    before: Callable[[str, str], bool] = lambda _model, _alias: False
    fingerprint: str = ""
    shown: Shown | None = None
    proofs: Proofs | None = None


def objections(
    plan: Plan, desired: Desired, terms: Terms, missing: Mapping[VersionKey, str] = _NONE
) -> tuple[Objection, ...]:
    """The objections of all guards, also those that were allowed.

    Args:
        plan: what is judged.
        desired: what it is made of.
        terms: on what terms it is to be applied.
        missing: version → why nobody can have its payload.
    """
    whole = (*_stale_plan(plan, terms), *_many_changes(plan, terms))
    allowed = by_exceptions(desired, terms.now) | terms.permission
    found = [replace(one, by=allowed.guards.get(one.guard)) for one in whole]
    for change in plan.changes:
        said = (*_to_change(change, desired, terms), *_missing_payload(change, missing))
        if said:
            excepted = by_exceptions(desired, terms.now, change.model)
            found += _allowed(said, excepted | terms.own(change) | terms.permission, change)
    return tuple(found)


def refusing(said: Iterable[Objection], terms: Terms) -> Callable[[Change], tuple[Objection, ...]]:
    """Tells the objections that refuse a change."""
    found: dict[tuple[str | None, str | None], list[Objection]] = defaultdict(list)
    for one in said:
        if not one.allowed:
            found[one.model, one.stage].append(one)

    def of(change: Change) -> tuple[Objection, ...]:
        whole = (
            one
            for one in found.get((None, None), ())
            if one.guard is not Guard.MANY_CHANGES or _counts(change, terms)
        )
        return (*whole, *found.get((change.model, change.stage), ()))

    return of


def allowing(said: Iterable[Objection]) -> Callable[[Change], str]:
    """Tells what allows a change in spite of guards, in short; empty if none objects."""
    found: dict[tuple[str | None, str | None], list[str]] = defaultdict(list)
    for one in said:
        if one.by:
            found[one.model, one.stage].append(f"{one.guard}: {one.by.brief}")
    whole = found.get((None, None), [])
    return lambda change: "; ".join((*found.get((change.model, change.stage), ()), *whole))


def _allowed(
    said: Iterable[Objection], permission: Permission, change: Change
) -> Iterator[Objection]:
    """A freeze is passed by a rollback, too, which must be named as one."""
    rollback = permission.rollback if change.rollback else None
    for one in said:
        by = permission.guards.get(one.guard) or (rollback if one.guard is Guard.FREEZE else None)
        yield replace(one, by=by)


def _stale_plan(plan: Plan, terms: Terms) -> Iterator[Objection]:
    if terms.shown is None:
        return
    now, shown = ({c.key: c for c in one.changes} for one in (plan, terms.shown.plan))
    reasons = []
    if terms.shown.fingerprint != terms.fingerprint:
        reasons.append("models.yaml has changed")
    if terms.shown.plan.registry != plan.registry:
        reasons.append(f"it is for the registry {terms.shown.plan.registry}, not {plan.registry}")
    if gone := [change for key, change in shown.items() if key not in now]:
        reasons.append(f"no longer pending: {_listed(gone)}")
    if new := [change for key, change in now.items() if key not in shown]:
        reasons.append(f"now also pending: {_listed(new)}")
    if reasons:
        reason = f"the plan file is out of date: {'; '.join(reasons)}"
        yield Objection(guard=Guard.STALE_PLAN, reason=reason)


def _listed(changes: Iterable[Change]) -> str:
    return ", ".join(map(str, changes))


def _counts(change: Change, terms: Terms) -> bool:
    """Whether a change is one of those that must not be many.

    Healing returns to what was declared and applied before, however much of it was moved by hand,
    and a rollback must not wait.
    """
    passes = change.heals or change.rollback or terms.before(change.model, change.alias)
    return not passes and Guard.MANY_CHANGES not in terms.own(change).guards


def _many_changes(plan: Plan, terms: Terms) -> Iterator[Objection]:
    changes, stages = sum(_counts(change, terms) for change in plan.changes), plan.stages
    if stages >= _MANY_STAGES and changes > _MANY_SHARE * stages:
        reason = f"{changes} of {stages} stages would change, more than {_MANY_SHARE:.0%}"
        yield Objection(guard=Guard.MANY_CHANGES, reason=reason)


def _to_change(change: Change, desired: Desired, terms: Terms) -> Iterator[Objection]:
    empties = change.action is Action.EMPTY and not change.heals
    if empties and desired.stages.is_guarded(change.alias):
        declared = desired.stages.find(change.stage)
        which = "" if declared else f", which {desired.file} no longer declares"
        reason = (
            f"version {change.old} would leave {change.stage}{which}, "
            "and no version would replace it"
        )
        yield _objection(Guard.EMPTIES_PRODUCTION, reason, change)
    if change.elsewhere:
        reason = f"{change.elsewhere} manages this stage"
        yield _objection(Guard.TAKEOVER, reason, change)
    elif change.stamp is None and change.old is not None and change.old != change.new:
        reason = f"mlgitops did not put version {change.old} into {change.stage}"
        yield _objection(Guard.UNMANAGED, reason, change)
    if change.displaced:
        reason = (
            f"version {change.new} would leave the classic {change.displaced}, where mlgitops did "
            f"not put it: a version has one classic stage; add {change.displaced} to {desired.file}"
        )
        yield _objection(Guard.UNMANAGED, reason, change)
    freeze = _freeze(desired, change.model)
    # healing changes nothing that was declared
    moves = not change.heals and change.action is not Action.ALIGN
    if freeze and freeze.lasts(terms.now) and moves:
        reason = f"frozen until {freeze.end}: {freeze.reason}"
        yield _objection(Guard.FREEZE, reason, change, freeze.where)
    if against := _unproven(change, terms.proofs):
        yield _objection(Guard.IMAGE_PROOF, f"version {change.new}: {against}", change)


def _unproven(change: Change, proofs: Proofs | None) -> str:
    """What speaks against the image of a version that is promoted.

    What returns has served before: no test may keep it from coming back at night.
    """
    returns = change.rollback or change.heals
    if proofs is None or change.new is None or not change.enters or returns:
        return ""
    return proofs.against(change.model, change.new)


def _missing_payload(change: Change, missing: Mapping[VersionKey, str]) -> Iterator[Objection]:
    """A rollback and a heal are no exception: what nobody can load serves nobody."""
    key = (change.model, change.new or 0)
    if change.enters and key in missing:
        reason = f"version {change.new} cannot be used: {missing[key]}"
        yield _objection(Guard.MISSING_PAYLOAD, reason, change)


def _freeze(desired: Desired, model: str) -> Freeze | None:
    """The freeze that lasts longer, where both the model and the whole file have one."""
    own = desired.models[model].freeze if model in desired.models else None
    found = [freeze for freeze in (own, desired.freeze) if freeze is not None]
    return max(found, key=lambda freeze: freeze.until, default=None)


def _objection(guard: Guard, reason: str, change: Change, where: Where | None = None) -> Objection:
    return Objection(
        guard=guard,
        reason=reason,
        model=change.model,
        stage=change.stage,
        where=where or change.where,
    )


def how_to_allow(guard: Guard) -> str:
    """What to do about an objection of a guard."""
    if guard is Guard.STALE_PLAN:
        return f"plan again, or pass --allow {guard}"
    restore = "restore its artifacts, or " if guard is Guard.MISSING_PAYLOAD else ""
    rollback = (
        f"; for a rollback, pass --rollback or set the label {ROLLBACK_LABEL}"
        if guard is Guard.FREEZE
        else ""
    )
    return (
        f"{restore}pass --allow {guard} or set the label {LABEL}{guard}, which counts if "
        "a reviewer does so after the last push; or add an exception to 'allow' in models.yaml"
        f"{rollback}"
    )
