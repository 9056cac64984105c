"""Everything a reviewer is shown: the plan, the evidence for it and what the gates say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelops import evidence, plan
from modelops.errors import PlanRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelops.desired.values import Desired
    from modelops.evidence import Exhibit
    from modelops.plan import Plan
    from modelops.registry.protocol import RegistryReader
    from modelops.registry.values import Actual


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A plan with its evidence."""

    desired: Desired
    actual: Actual
    plan: Plan
    exhibits: tuple[Exhibit, ...]

    @property
    def refused(self) -> tuple[Exhibit, ...]:
        """The changes that a gate refuses."""
        return tuple(exhibit for exhibit in self.exhibits if exhibit.refused)

    def check(self) -> None:
        """Stop here if a gate refuses a change.

        Raises:
            PlanRefusedError: naming each refused stage; the report says expected and actual.
        """
        if self.refused:
            stages = ", ".join(
                f"{e.change.model} {e.change.stage} → {e.change.new}" for e in self.refused
            )
            raise PlanRefusedError(f"refused by a gate, nothing was changed: {stages}")


def read_actual(desired: Desired, reader: RegistryReader) -> Actual:
    """The actual state, with the stamps of every stage that models.yaml names."""
    return reader.actual({s.alias for model in desired.models.values() for s in model.stages})


def propose(
    desired: Desired, reader: RegistryReader, progress: Callable[[str], None] = lambda _: None
) -> Proposal:
    """Read the registry, plan, and collect the evidence.

    Raises:
        DesiredVersionError: the registry cannot give what models.yaml asks for.
        RegistryError: the registry could not be read.
    """
    progress("reading the registry")
    actual = read_actual(desired, reader)
    pending = plan.diff(desired, actual)
    exhibits = evidence.collect(pending, desired, actual, reader, progress)
    return Proposal(desired=desired, actual=actual, plan=pending, exhibits=exhibits)
