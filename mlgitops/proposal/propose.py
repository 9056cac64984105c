"""Everything a reviewer is shown: the plan, the evidence for it, what gates and guards say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.core import blocking, guards
from mlgitops.core.apply import Outcome, Status
from mlgitops.core.choice import are_names, narrowed, within
from mlgitops.core.diff import diff, keeping
from mlgitops.core.gate import Need
from mlgitops.core.held import Held
from mlgitops.core.stage import alias_of
from mlgitops.errors import Problem, located
from mlgitops.errors.applying import PartlyRefusedError, PlanRefusedError
from mlgitops.history.links import comparing
from mlgitops.history.owner import owned

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from mlgitops.core.desired import Desired
    from mlgitops.core.guards import Objection, Terms
    from mlgitops.core.measured import Measured
    from mlgitops.core.plan import Change, Plan
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.scope import Scope
    from mlgitops.core.version import VersionKey
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.system.store import Store
    from mlgitops.workers.values import Workers

_Key = tuple[str, str]  # model, alias


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A plan with its evidence.

    Attributes:
        unclear: stages of which nobody can say what they hold, nor whether they change.
        warnings: stages that hold a blocked version and go on holding it.
        scope: why the plan is about some models, or about all; None where nobody asked for less.
    """

    desired: Desired
    held: Held
    plan: Plan
    exhibits: tuple[Exhibit, ...]
    objections: tuple[Objection, ...]
    unclear: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    scope: Scope | None = None

    @property
    def failing(self) -> tuple[Exhibit, ...]:
        """The changes that a gate refuses."""
        return tuple(one for one in self.exhibits if one.failed and not one.before)

    @property
    def guarded(self) -> tuple[Objection, ...]:
        """What guards say against the plan or a change of it, and nobody has allowed."""
        before = {(e.change.model, e.change.stage) for e in self.exhibits if e.before}
        return tuple(
            one
            for one in self.objections
            if not one.allowed and (one.model, one.stage) not in before
        )

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why the registry cannot give what models.yaml asks for."""
        found = (p for one in self.exhibits if not one.before for p in one.problems)
        return (*self.unclear, *found)

    @property
    def refused(self) -> bool:
        """Whether some of it must not be applied; what was refused before does not count."""
        return bool(self.failing or self.guarded or self.problems)

    @property
    def held_up(self) -> tuple[Outcome, ...]:
        """What became of the changes that are refused."""
        return tuple(
            Outcome(change=one.change, status=Status.REFUSED, reason="; ".join(one.reasons))
            for one in self.exhibits
            if one.refused
        )

    @property
    def accepted(self) -> Plan:
        """What may be applied: the plan without the changes that are refused."""
        kept = {(e.change.model, e.change.alias) for e in self.exhibits if e.refused}
        return keeping(self.plan, self.held, kept) if kept else self.plan

    def explained(self, reason_of: Callable[[Change], str]) -> Proposal:
        """With why each change is to be made."""
        told = (replace(one, commit_reason=reason_of(one.change)) for one in self.exhibits)
        return replace(self, exhibits=tuple(told))

    def check(self, *, applied: bool = False) -> None:
        """Stop here if something is refused.

        Args:
            applied: whether changes that were not refused were made.

        Raises:
            PlanRefusedError: naming each refusal; no change was made.
            PartlyRefusedError: naming each refusal; the other changes were made.
        """
        if not self.refused:
            return
        if applied:
            raise PartlyRefusedError("\n".join([*self._refusals(), "all other changes were made"]))
        raise PlanRefusedError("\n".join([*self._refusals(), "nothing was changed"]))

    def _refusals(self) -> Iterator[str]:
        for one in self.failing:
            for said in one.failed:
                yield located(one.change.where, f"a gate refused {one.change}: {said}")
        for objection in self.guarded:
            what = f"{objection.model} {objection.stage}" if objection.model else "the plan"
            yield located(
                objection.where,
                f"the guard {objection.guard} refused {what}: {objection.reason}; to allow it, "
                f"{guards.how_to_allow(objection.guard)}",
            )
        yield from map(str, self.problems)


def read(
    desired: Desired, reader: RegistryReader, models: Collection[str] = ()
) -> tuple[Desired, Held]:
    """The desired state with its owner, and what the registry holds.

    Args:
        desired: models.yaml.
        reader: the registry.
        models: names or patterns of those that are meant; all if empty.

    Raises:
        UsageError: a name or pattern matches nothing.
        OwnerError: nothing says who manages the stages.
        RegistryError: the registry could not be read.
    """
    if models and are_names(models):
        held = replace(reader.held_again(models), locks=reader.locks())
    else:
        held = reader.held(desired.models)
    if models:
        desired, held = narrowed(desired, held, models)
    return owned(desired, reader.identity), held


def read_within(
    desired: Desired, reader: RegistryReader, names: Collection[str]
) -> tuple[Desired, Held]:
    """The same for the models of these names alone; each may be in the file or the registry only.

    Raises:
        OwnerError: nothing says who manages the stages.
        RegistryError: the registry could not be read.
    """
    declared = len(desired.models)
    desired = owned(within(desired, names), reader.identity)
    if not names:
        return desired, Held(models={}, registry=reader.identity)
    held = reader.held_again(names, among=declared)
    read = {name: held.models[name] for name in names if name in held.models}
    return desired, replace(held, models=read, locks=reader.locks())


def _unclear(desired: Desired, held: Held) -> Iterator[tuple[_Key, Problem]]:
    """The stages of which nobody can say what they hold."""
    for model in desired.models.values():
        clashes = {alias_of(one): (one, other) for one, other in held.model(model.name).clashes}
        for stage in model.stages:
            if stage.alias in clashes:
                one, other = clashes[stage.alias]
                said = f"the aliases {one!r} and {other!r} differ only in case; remove one of them"
                yield (
                    (model.name, stage.alias),
                    Problem(where=stage.where, model=model.name, stage=stage.name, message=said),
                )


def _judged(
    exhibits: Iterable[Exhibit],
    said: tuple[Objection, ...],
    unclear: Mapping[_Key, Problem],
    desired: Desired,
    terms: Terms,
) -> Iterator[Exhibit]:
    """The changes with all that is said against them."""
    objections = guards.refusing(said, terms)
    for one in exhibits:
        key = (one.change.model, one.change.alias)
        yield replace(
            one,
            problems=(*((unclear[key],) if key in unclear else ()), *one.problems),
            objections=objections(one.change),
            before=terms.before(*key),
            leaves=blocking.why(desired, one.change.model, one.change.old),
        )


def _missing(exhibits: Iterable[Exhibit]) -> dict[VersionKey, str]:
    """The versions that are to enter a stage and have no payload, and why."""
    return {
        (one.change.model, one.change.new): one.payload.missing
        for one in exhibits
        if one.change.new is not None and one.payload.missing
    }


def propose(
    desired: Desired,
    reader: RegistryReader,
    terms: Terms,
    progress: Callable[[str], None] = lambda _: None,
    *,
    need: Need = Need.NOTHING,
    checked: tuple[Measured, ...] = (),
    models: Collection[str] = (),
    scope: Scope | None = None,
    installing: Callable[[str], None] | None = None,
    store: Store | None = None,
    hire: Callable[[], Workers] | None = None,
) -> Proposal:
    """Read the registry, plan, and collect the evidence.

    Args:
        desired: models.yaml.
        reader: the registry.
        terms: what guards and gates judge by.
        progress: is told of each step.
        need: what evidence is to be read in any case; gates may ask for more.
        checked: what checks of pull requests measured.
        models: names or patterns of the models to plan; all if empty.
        scope: tells which models to plan, where `models` names none.
        installing: is told of environments that are made for versions whose packages are not ours;
            None if none may be made.
        store: where answers of earlier runs are; None to ask in any case.
        hire: workers that let versions predict, once there is something to ask; None for here.

    Raises:
        UsageError: a name or pattern matches nothing.
        ClusterError: there are to be workers, and none can be had.
        OwnerError: nothing says who manages the stages.
        RegistryError: the registry could not be read.
    """
    progress("reading the registry")
    whole, names = desired, scope.models if scope else None
    if names is None:
        desired, held = read(desired, reader, models)
    else:
        desired, held = read_within(desired, reader, names)
    pending = diff(desired, held)
    if names is not None:
        pending = replace(pending, stages=pending.stages + _others(whole, names), scope=names)
    exhibits: tuple[Exhibit, ...] = ()
    if pending.changes:  # else there is nothing to read, and what reads it need not be imported
        from mlgitops.proposal.collect import Request, collect
        from mlgitops.review.environments import Environments

        own = Environments(say=installing) if installing else None
        link = comparing(Path(desired.file))
        request = Request(
            now=terms.now,
            need=need,
            checked=checked,
            link=link,
            own=own,
            store=store,
            hire=hire,
        )
        exhibits = collect(pending, desired, held, reader, request, progress)
    said = guards.objections(pending, desired, terms, _missing(exhibits))
    unclear = dict(_unclear(desired, held))
    decided = {(change.model, change.alias) for change in pending.changes}
    return Proposal(
        desired=desired,
        held=held,
        plan=pending,
        exhibits=tuple(_judged(exhibits, said, unclear, desired, terms)),
        objections=said,
        unclear=tuple(
            problem
            for key, problem in unclear.items()
            if key not in decided and not terms.before(*key)
        ),
        warnings=tuple(blocking.staying(desired, held, pending)),
        scope=scope,
    )


def _others(desired: Desired, names: Collection[str]) -> int:
    """How many stages are declared of models that are not planned: guards count them, too."""
    left = desired.models.keys() - set(names)
    return sum(len(desired.models[name].stages) for name in left)
