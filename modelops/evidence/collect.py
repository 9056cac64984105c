"""What is known of the versions that a plan moves: read only for stages that change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelops import policy
from modelops.desired.values import SignatureGate
from modelops.errors import DesiredVersionError, Problem
from modelops.registry.values import READY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelops.desired.values import Desired
    from modelops.evidence.values import Comparison
    from modelops.plan import Change, Plan
    from modelops.policy import Verdict
    from modelops.registry.protocol import RegistryReader
    from modelops.registry.values import Actual, Version


@dataclass(frozen=True, kw_only=True, slots=True)
class Exhibit:
    """One change with its evidence and what the gates say of it.

    Attributes:
        comparison: the old and the new version side by side; None where no version enters.
    """

    change: Change
    old: Version | None
    new: Version | None
    verdicts: tuple[Verdict, ...]
    comparison: Comparison | None = None

    @property
    def refused(self) -> bool:
        """Whether a gate refuses the change."""
        return any(verdict.result is policy.Result.FAILED for verdict in self.verdicts)


def collect(
    plan: Plan,
    desired: Desired,
    actual: Actual,
    reader: RegistryReader,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Exhibit, ...]:
    """The evidence for every change.

    Raises:
        DesiredVersionError: versions that do not exist, are not READY, or whose payload is not
            the pinned one; all of them at once.
        RegistryError: the registry could not be read.
    """
    versions = _Versions(reader)
    problems = []
    for change in plan.changes:
        progress(f"checking {change.model} {change.stage}")
        problems += list(_problems(change, desired, actual, versions, reader))
    if problems:
        raise DesiredVersionError(problems)
    exhibits = []
    for change in plan.changes:
        progress(f"reading evidence for {change.model} {change.stage}")
        exhibits.append(_exhibit(change, desired, actual, versions))
    return tuple(exhibits)


class _Versions:
    """Each version and its evidence are read once, however many stages they move between."""

    def __init__(self, reader: RegistryReader) -> None:
        self._reader = reader
        self._bare: dict[tuple[str, int], Version | None] = {}
        self._full: dict[tuple[str, int, bool], Version] = {}

    def bare(self, model: str, number: int) -> Version | None:
        key = (model, number)
        if key not in self._bare:
            self._bare[key] = self._reader.version(model, number)
        return self._bare[key]

    def full(self, model: str, number: int | None, *, signature: bool) -> Version | None:
        bare = None if number is None else self.bare(model, number)
        if bare is None:
            return None
        key = (model, bare.number, signature)
        if key not in self._full:
            self._full[key] = self._reader.evidence(model, bare, signature=signature)
        return self._full[key]


def _problems(
    change: Change,
    desired: Desired,
    actual: Actual,
    versions: _Versions,
    reader: RegistryReader,
) -> Iterator[Problem]:
    """Why the version that a change asks for cannot be had."""

    def problem(message: str) -> Problem:
        return Problem(where=change.where, model=change.model, stage=change.stage, message=message)

    if change.new is None or not change.enters:
        return
    if change.model not in actual.models:
        yield problem(f"no such model in the registry; {_how_to_get(change, desired)}")
        return
    version = versions.bare(change.model, change.new)
    if version is None:
        hint = _how_to_get(change, desired)
        yield problem(f"version {change.new} does not exist or was deleted; {hint}")
        return
    if version.status != READY:
        yield problem(
            f"version {change.new} is {version.status}, not {READY}; wait, or name another"
        )
        return
    if change.digest is not None:
        found = reader.digest(change.model, change.new)
        if found != change.digest:
            yield problem(
                f"version {change.new} has the digest {found}, not the pinned {change.digest}: "
                "its payload was changed; name a version that you trust"
            )


def _how_to_get(change: Change, desired: Desired) -> str:
    model = desired.models.get(change.model)
    if model and change.new in model.versions:
        return "it has a recipe: run `modelops train`"
    return "register it, or name one that exists"


def _exhibit(change: Change, desired: Desired, actual: Actual, versions: _Versions) -> Exhibit:
    if not change.enters:
        return Exhibit(change=change, old=None, new=None, verdicts=())
    gates = desired.models[change.model].gates_for(change.alias)
    signature = any(isinstance(gate, SignatureGate) for gate in gates)
    new = versions.full(change.model, change.new, signature=signature)
    old = versions.full(change.model, change.old, signature=signature)
    assert new is not None, "checked before"
    case = policy.Case(change=change, held=actual.model(change.model), new=new, old=old)
    return Exhibit(change=change, old=old, new=new, verdicts=policy.check(gates, case))
