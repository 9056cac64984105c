"""Everything a reviewer is shown: the plan, the evidence for it, what gates and guards say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.core import guards
from mlgitops.core.choice import are_names, narrowed
from mlgitops.core.diff import diff
from mlgitops.core.gate import Need
from mlgitops.core.stage import alias_of
from mlgitops.errors import DesiredVersionError, PlanRefusedError, Problem
from mlgitops.history.links import comparing
from mlgitops.history.owner import owned

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from mlgitops.core.desired import Desired
    from mlgitops.core.guards import Objection, Terms
    from mlgitops.core.held import Held
    from mlgitops.core.plan import Plan
    from mlgitops.core.registry import RegistryReader
    from mlgitops.proposal.collect import Exhibit


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A plan with its evidence."""

    desired: Desired
    held: Held
    plan: Plan
    exhibits: tuple[Exhibit, ...]
    objections: tuple[Objection, ...]

    @property
    def failing(self) -> tuple[Exhibit, ...]:
        """The changes that a gate refuses."""
        return tuple(exhibit for exhibit in self.exhibits if exhibit.refused)

    @property
    def guarded(self) -> tuple[Objection, ...]:
        """What guards say against the plan and nobody has allowed."""
        return tuple(objection for objection in self.objections if not objection.allowed)

    @property
    def refused(self) -> bool:
        """Whether nothing of it may be applied."""
        return bool(self.failing or self.guarded)

    def check(self) -> None:
        """Stop here if a gate or a guard refuses.

        Raises:
            PlanRefusedError: naming each refused stage; the report says expected and actual.
        """
        lines = []
        if self.failing:
            stages = ", ".join(
                f"{e.change.model} {e.change.stage} → {e.change.new}" for e in self.failing
            )
            lines.append(f"a gate refused the plan; nothing was changed: {stages}")
        lines += [
            f"the guard {o.guard} refused the plan; nothing was changed: {_place(o)}{o.reason}; to "
            f"allow it, {guards.how_to_allow(o)}"
            for o in self.guarded
        ]
        if lines:
            raise PlanRefusedError("\n".join(lines))


def _place(objection: Objection) -> str:
    parts = (objection.where, objection.model and f"{objection.model} {objection.stage}")
    return "".join(f"{part}: " for part in parts if part)


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


def _unclear(desired: Desired, held: Held) -> Iterator[Problem]:
    """The stages of which nobody can say what they hold."""
    for model in desired.models.values():
        clashes = {alias_of(one): (one, other) for one, other in held.model(model.name).clashes}
        for stage in model.stages:
            if stage.alias in clashes:
                one, other = clashes[stage.alias]
                said = f"the aliases {one!r} and {other!r} differ only in case; remove one of them"
                yield Problem(where=stage.where, model=model.name, stage=stage.name, message=said)


def propose(
    desired: Desired,
    reader: RegistryReader,
    terms: Terms,
    progress: Callable[[str], None] = lambda _: None,
    *,
    need: Need = Need.NOTHING,
    models: Collection[str] = (),
) -> Proposal:
    """Read the registry, plan, and collect the evidence.

    Args:
        desired: models.yaml.
        reader: the registry.
        terms: what guards and gates judge by.
        progress: is told of each step.
        need: what evidence is to be read in any case; gates may ask for more.
        models: names or patterns of the models to plan; all if empty.

    Raises:
        UsageError: a name or pattern matches nothing.
        OwnerError: nothing says who manages the stages.
        DesiredVersionError: the registry cannot give what models.yaml asks for.
        RegistryError: the registry could not be read.
    """
    progress("reading the registry")
    desired, held = read(desired, reader, models)
    if unclear := list(_unclear(desired, held)):
        raise DesiredVersionError(unclear)
    pending = diff(desired, held)
    exhibits: tuple[Exhibit, ...] = ()
    if pending.changes:  # else there is nothing to read, and what reads it need not be imported
        from mlgitops.proposal.collect import Request, collect

        request = Request(now=terms.now, need=need, link=comparing(Path(desired.file)))
        exhibits = collect(pending, desired, held, reader, request, progress)
    return Proposal(
        desired=desired,
        held=held,
        plan=pending,
        exhibits=exhibits,
        objections=guards.objections(pending, desired, terms),
    )
