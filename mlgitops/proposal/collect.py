"""The evidence for each change of a plan: read only for what changes, each payload once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core import pins
from mlgitops.core.evidence import Past
from mlgitops.core.gate import Case, Need, Result, judge, needs
from mlgitops.core.version import READY
from mlgitops.errors import (
    DesiredVersionError,
    DigestMismatchError,
    PayloadError,
    Problem,
    RegistryRequestError,
    StoreError,
)
from mlgitops.recipes.package import package_of
from mlgitops.review import scoring
from mlgitops.review.artifacts import Cabinet
from mlgitops.review.compare import Scope, compare, side
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from mlgitops.core.desired import Desired
    from mlgitops.core.evidence import Comparison, Side
    from mlgitops.core.gate import Gate, Verdict
    from mlgitops.core.held import Held, HeldModel
    from mlgitops.core.plan import Change, Plan
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.version import Version


_RECENT = 20  # versions


@dataclass(frozen=True, kw_only=True, slots=True)
class Exhibit:
    """One change with its evidence and what the gates say of it.

    Attributes:
        comparison: what is known of the versions; None where no version enters the stage, and
            where neither a reviewer nor a gate asked.
    """

    change: Change
    verdicts: tuple[Verdict, ...] = ()
    comparison: Comparison | None = None

    @property
    def refused(self) -> bool:
        """Whether a gate refuses the change."""
        return any(verdict.result is Result.FAILED for verdict in self.verdicts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """How evidence is to be collected.

    Attributes:
        now: the time by which gates judge.
        need: what is to be read in any case; gates may ask for more.
        link: makes an address of two commits, where there is one.
    """

    now: datetime
    need: Need = Need.NOTHING
    link: Callable[[str, str], str | None] = lambda _old, _new: None


def collect(
    plan: Plan,
    desired: Desired,
    held: Held,
    reader: RegistryReader,
    request: Request,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Exhibit, ...]:
    """The evidence for every change.

    Payloads are let go of model by model, so that a plan of many models needs the room of one.

    Raises:
        DesiredVersionError: versions that do not exist or are not READY; all of them at once.
        DigestMismatchError: versions whose payload is not the pinned one; all of them at once.
    """
    if request.need is Need.PREDICTIONS and any(change.enters for change in plan.changes):
        scoring.warm_up()
    collector = _Collector(desired, held, reader, request)
    collector.look_up(plan.changes)
    problems = [p for c in plan.changes for p in _problems(c, desired, held, collector)]
    if problems:
        raise DesiredVersionError(problems)
    exhibits: list[Exhibit] = []
    with Cabinet(reader) as cabinet:
        for _, changes in groupby(plan.changes, key=lambda change: change.model):
            for change in changes:
                place = f"{len(exhibits) + len(problems) + 1} of {len(plan.changes)}"
                progress(f"reading evidence, {place}: {change.model} {change.stage}")
                wrong = list(collector.tampered(change, cabinet))
                problems += wrong
                if not wrong:  # what is not what was pinned is not loaded
                    exhibits.append(collector.exhibit(change, cabinet))
            cabinet.clear()
    if problems:
        raise DigestMismatchError(problems)
    return tuple(exhibits)


class _Collector:
    """Each version and its run are read once, however many stages it moves between."""

    def __init__(
        self, desired: Desired, held: Held, reader: RegistryReader, request: Request
    ) -> None:
        self._desired, self._held = desired, held
        self._reader, self._request = reader, request
        self._bare: dict[tuple[str, int], Version | None] = {}
        self._full: dict[tuple[str, int, bool], Version] = {}
        self._past: dict[str, tuple[Past, ...]] = {}
        self._pins = pins.declared(desired)

    def look_up(self, changes: Iterable[Change]) -> None:
        """Read the versions that are to enter a stage, as many at once as the registry allows."""
        keys = {(c.model, c.new) for c in changes if c.new is not None and c.enters}
        wanted = sorted(key for key in keys if key[0] in self._held.models)
        with ThreadPoolExecutor(self._reader.at_once) as threads:
            found = threads.map(lambda key: self._reader.version(*key), wanted)
            self._bare.update(zip(wanted, found, strict=True))

    def bare(self, model: str, number: int) -> Version | None:
        key = (model, number)
        if key not in self._bare:
            self._bare[key] = self._reader.version(model, number)
        return self._bare[key]

    def tampered(self, change: Change, cabinet: Cabinet) -> Iterator[Problem]:
        """Whether the payload of the version is another one than a pinned one, or is gone."""
        if change.new is None or not change.enters:
            return
        version = self.bare(change.model, change.new)
        asked = self._pins.binding(change.model, change.new, change.stage)
        if version is None or not asked:
            return
        try:
            found = cabinet.artifact(version).digest
        except (RegistryRequestError, StoreError, PayloadError) as error:
            said = f"its payload cannot be downloaded: {one_line(error)}"
            yield _problem(change, f"version {change.new} is pinned, but {said}")
            return
        yield from filter(None, (pins.mismatch(pin, change.new, found) for pin in asked))

    def exhibit(self, change: Change, cabinet: Cabinet) -> Exhibit:
        gates = self._desired.models[change.model].gates_for(change.alias) if change.enters else ()
        need = _need(gates, self._request)
        if need is Need.NOTHING or not change.enters:
            return Exhibit(change=change)

        def one(number: int | None) -> Side | None:
            version = self._version(change.model, number, signature=need is Need.SIGNATURE)
            if version is None:
                return None
            read = cabinet if need >= Need.ARTIFACT else None
            return side(change.model, f"version {number}", version, read, self._pins)

        new = one(change.new)
        assert new is not None, "checked before"
        held, history = self._held.model(change.model), self._history(change.model)
        return judged(change, one(change.old), new, self._desired, held, self._request, history)

    def _history(self, model: str) -> tuple[Past, ...]:
        if self._request.need is not Need.PREDICTIONS:
            return ()
        if model not in self._past:
            self._past[model] = latest_versions(self._reader, self._held.model(model))
        return self._past[model]

    def _version(self, model: str, number: int | None, *, signature: bool) -> Version | None:
        bare = None if number is None else self.bare(model, number)
        if bare is None:
            return None
        key = (model, bare.number, signature)
        if key not in self._full:
            self._full[key] = self._reader.evidence(bare, signature=signature)
        return self._full[key]


def judged(
    change: Change,
    old: Side | None,
    new: Side,
    desired: Desired,
    held: HeldModel,
    request: Request,
    history: tuple[Past, ...] = (),
) -> Exhibit:
    """What the gates of a stage say of a version that is to enter it, given both sides."""
    gates = desired.models[change.model].gates_for(change.alias)
    better = {metric: way for gate in gates for metric, way in gate.directions.items()}
    scope = Scope(
        predict=_need(gates, request) >= Need.PREDICTIONS,
        link=request.link,
        recipes=package_of(desired),
        better=MappingProxyType(better),
    )
    case = Case(
        change=change,
        held=held,
        new=new.version,
        old=old.version if old else None,
        now=request.now,
        comparison=compare(change.model, old, new, scope, history),
    )
    return Exhibit(change=change, verdicts=judge(gates, case), comparison=case.comparison)


def _need(gates: tuple[Gate, ...], request: Request) -> Need:
    return max(request.need, needs(gates))


def latest_versions(reader: RegistryReader, held: HeldModel) -> tuple[Past, ...]:
    """The latest versions of a model with their metrics and stages, ascending."""
    stages: dict[int, list[str]] = {}
    for alias, number in held.stages.items():
        stages.setdefault(number, []).append(held.name_of(alias))
    found = reader.metrics(held.name, _RECENT)
    return tuple(
        Past(number=number, metrics=found[number], stages=tuple(sorted(stages.get(number, ()))))
        for number in sorted(found)
    )


def _problem(change: Change, message: str) -> Problem:
    return Problem(where=change.where, model=change.model, stage=change.stage, message=message)


def _problems(
    change: Change, desired: Desired, held: Held, collector: _Collector
) -> Iterator[Problem]:
    """Why the version that a change asks for cannot be had."""
    if change.new is None or not change.enters:
        return
    hint = _how_to_get(change, desired)
    if change.model in held.prompts:
        yield _problem(change, "this is a prompt, not a model; remove it from models.yaml")
        return
    if change.model not in held.models:
        yield _problem(change, f"the registry does not have this model; {hint}")
        return
    version = collector.bare(change.model, change.new)
    if version is None:
        yield _problem(change, f"version {change.new} does not exist or was deleted; {hint}")
    elif version.status != READY:
        said = f"version {change.new} is {version.status}, not {READY}; wait, or choose another"
        yield _problem(change, said)


def _how_to_get(change: Change, desired: Desired) -> str:
    model = desired.models.get(change.model)
    if model and change.new in model.versions:
        return "to train it, run `mlgitops train`"
    return "register it, or choose a version that exists"
