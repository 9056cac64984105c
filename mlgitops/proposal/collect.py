"""The evidence for each change of a plan: read only for what changes, each payload once."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby
from time import monotonic
from typing import TYPE_CHECKING

from mlgitops.core import pins
from mlgitops.core.desired import MODELS, PROMPTS
from mlgitops.core.gate import Case, Need, Result, judge, needs
from mlgitops.core.measured import known, measured, subject
from mlgitops.core.version import READY
from mlgitops.errors import PayloadError, Problem
from mlgitops.errors.registry import RegistryRequestError, StoreError
from mlgitops.proposal.reading import Reading
from mlgitops.recipes.package import package_of
from mlgitops.registry.presence import Presence
from mlgitops.review import heldout
from mlgitops.review.artifacts import Cabinet
from mlgitops.review.compare import Scope, begin, side
from mlgitops.review.tools import tools
from mlgitops.words import one_line, pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from mlgitops.core.desired import Desired
    from mlgitops.core.evidence import Comparison, Past, Side
    from mlgitops.core.gate import Gate, Verdict
    from mlgitops.core.guards import Objection
    from mlgitops.core.held import Held, HeldModel
    from mlgitops.core.measured import Measured
    from mlgitops.core.plan import Change, Plan
    from mlgitops.core.registry import RegistryReader
    from mlgitops.core.version import Version, VersionKey
    from mlgitops.core.way_back import WayBack
    from mlgitops.review.environments import Environments
    from mlgitops.review.tools import Tools
    from mlgitops.system.store import Store
    from mlgitops.workers.values import Workers


_REGISTER = "register it, or choose a version that exists"
_MODELS_AT_ONCE = 50  # whose versions' evidence is kept at the same time
_THERE = Presence()


@dataclass(frozen=True, kw_only=True, slots=True)
class Exhibit:
    """One change with its evidence and what gates and guards say of it.

    Attributes:
        comparison: what is known of the versions; None where no version enters the stage, and
            where neither a reviewer nor a gate asked.
        payload: whether that of the version that enters the stage is there.
        way_back: where a rollback leads afterwards; None where that was not asked.
        problems: why the registry cannot give what models.yaml asks for.
        objections: what guards say against it and nobody has allowed.
        before: it was pending before what is under review, which does not touch it.
        commit_reason: why the change is to be made, as its commit says; may be empty.
        leaves: that the version which the stage holds now is blocked, and why; else empty.
        measured: the verdicts that a version was loaded for.
    """

    change: Change
    verdicts: tuple[Verdict, ...] = ()
    comparison: Comparison | None = None
    payload: Presence = _THERE
    way_back: WayBack | None = None
    problems: tuple[Problem, ...] = ()
    objections: tuple[Objection, ...] = ()
    before: bool = False
    commit_reason: str = ""
    leaves: str = ""
    measured: tuple[Measured, ...] = ()

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """What the gates that refuse the change say."""
        return tuple(verdict for verdict in self.verdicts if verdict.result is Result.FAILED)

    @property
    def refused(self) -> bool:
        """Whether the change must not be applied."""
        return bool(self.reasons)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the change must not be applied."""
        return (
            *map(str, self.failed),
            *(f"{objection.guard}: {objection.reason}" for objection in self.objections),
            *(problem.message for problem in self.problems),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """How evidence is to be collected.

    Attributes:
        now: the time by which gates judge.
        need: what is to be read in any case; gates may ask for more.
        checked: what checks of pull requests measured: a gate is not asked the same again, and
            nothing is loaded for it.
        link: makes an address of two commits, where there is one.
        own: makes environments for versions whose packages are not ours; None if nothing is to be
            installed.
        store: where answers of earlier runs are; None to ask in any case.
        hire: workers that let versions predict, once there is something to ask; None for here.
    """

    now: datetime
    need: Need = Need.NOTHING
    checked: tuple[Measured, ...] = ()
    link: Callable[[str, str], str | None] = lambda _old, _new: None
    own: Environments | None = None
    store: Store | None = None
    hire: Callable[[], Workers] | None = None


def collect(
    plan: Plan,
    desired: Desired,
    held: Held,
    reader: RegistryReader,
    request: Request,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Exhibit, ...]:
    """The evidence for every change, or why its version cannot be had.

    Payloads are let go of model by model, so that a plan of many models needs the room of those
    that predict at the same time.

    Raises:
        RegistryError: the registry could not be read.
    """
    package = package_of(desired)
    with (
        ExitStack() as cabinets,
        tools(package, request.own, request.store, request.hire) as shared,
    ):
        collector = _Collector(desired, held, reader, request, shared)
        collector.look_up(plan.changes, progress)
        exhibits: list[Exhibit] = []
        begun: deque[tuple[ExitStack, list[Callable[[], Exhibit]]]] = deque()

        def finish() -> None:
            """Wait for the model whose evidence was begun first, and let go of its payloads."""
            folders, waiting = begun[0]
            with folders:
                exhibits.extend(one() for one in waiting)
            begun.popleft()

        started = monotonic()
        of_models = groupby(plan.changes, key=lambda change: change.model)
        for changes in collector.read([list(changes) for _, changes in of_models]):
            folders = cabinets.enter_context(ExitStack())
            cabinet = folders.enter_context(Cabinet(reader, progress))
            waiting = []
            for change in changes:
                place = pace(len(exhibits), len(plan.changes), monotonic() - started)
                progress(f"reading evidence, {place}: {change.model} {change.stage}")
                waiting.append(collector.begin(change, cabinet))
            begun.append((folders, waiting))
            if len(begun) > shared.scores.width:
                finish()
        while begun:
            finish()
    return tuple(exhibits)


class _Collector:
    """Each version and its run are read once, however many stages it moves between."""

    def __init__(
        self,
        desired: Desired,
        held: Held,
        reader: RegistryReader,
        request: Request,
        shared: Tools,
    ) -> None:
        self._desired, self._held, self._tools = desired, held, shared
        self._request, self._reading = request, Reading(held, reader)
        self._pins = pins.declared(desired)

    def look_up(self, changes: Sequence[Change], progress: Callable[[str], None]) -> None:
        """Read the versions that are to enter a stage, and look for their payloads."""
        enter = {(c.model, c.new) for c in changes if c.new is not None and c.enters}
        judged = [change for change in changes if self._need(change) is not Need.NOTHING]
        past = {change.model for change in judged if self._tells_past(change)}
        self._reading.look_up(enter | _versions(judged), past)
        progress("looking for payloads")
        self._reading.look_for_payloads(enter)
        if self._request.need is not Need.NOTHING:
            self._reading.look_back(changes, self._desired)

    def read(self, of_models: Sequence[list[Change]]) -> Iterator[list[Change]]:
        """The changes of each model, once what was recorded of its versions is read."""
        for start in range(0, len(of_models), _MODELS_AT_ONCE):
            some = of_models[start : start + _MODELS_AT_ONCE]
            every = (change for changes in some for change in changes)
            judged = [change for change in every if self._need(change) is not Need.NOTHING]
            self._reading.read(sorted(_versions(judged)))
            yield from some

    def _need(self, change: Change) -> Need:
        """How much must be read of the versions of a change."""
        if change.new is None or not change.enters:
            return Need.NOTHING
        return _need(self._desired.models[change.model].gates_for(change.alias), self._request)

    def _tells_past(self, change: Change) -> bool:
        held = self._held.models.get(change.model)
        return self._request.need is Need.PREDICTIONS and held is not None and not held.prompt

    def begin(self, change: Change, cabinet: Cabinet) -> Callable[[], Exhibit]:
        """Let the versions of a change predict, and say what waits for it."""
        if wrong := tuple(self.problems(change, cabinet)):
            # what was not pinned is not loaded
            return lambda: Exhibit(change=change, problems=wrong)
        begun = self.exhibit(change, cabinet)
        return lambda: self.told(begun())

    def told(self, exhibit: Exhibit) -> Exhibit:
        """With what was looked for at once for all changes."""
        change, read = exhibit.change, self._reading
        return replace(exhibit, payload=read.payload(change), way_back=read.way_back(change))

    def problems(self, change: Change, cabinet: Cabinet) -> Iterator[Problem]:
        """Why the version that is to enter the stage cannot be had."""
        if change.new is None or not change.enters:
            return
        version = self._reading.version(change.model, change.new)
        if (wrong := self._misplaced(change)) or version is None or version.status != READY:
            yield _problem(change, wrong or self._missing(change, version))
        else:
            yield from self._tampered(change, version, cabinet)

    def _misplaced(self, change: Change) -> str:
        """Whether the file calls a model what is a prompt, or the other way round."""
        held = self._held.models.get(change.model)
        if held is None or held.prompt == self._desired.models[change.model].prompt:
            return ""
        if held.prompt:
            return f"this is a prompt, not a model; list it under {PROMPTS!r}"
        return f"this is a model, not a prompt; list it under {MODELS!r}"

    def _missing(self, change: Change, version: Version | None) -> str:
        trained = change.new in self._desired.models[change.model].versions
        hint = "to train it, run `mlgitops train`" if trained else _REGISTER
        if change.model not in self._held.models:
            return f"the registry does not have this model; {hint}"
        if version is None:
            again = ", unless it was deleted: MLflow gives no number twice" if trained else ""
            return f"version {change.new} does not exist or was deleted; {hint}{again}"
        return f"version {change.new} is {version.status}, not {READY}; wait, or choose another"

    def _tampered(self, change: Change, version: Version, cabinet: Cabinet) -> Iterator[Problem]:
        """Whether the payload of the version is another one than a pinned one, or is gone."""
        number = version.number
        asked = self._pins.binding(change.model, number, change.stage)
        if not asked:
            return
        try:
            found = cabinet.artifact(version).digest
        except (RegistryRequestError, StoreError, PayloadError) as error:
            said = f"its payload cannot be downloaded: {one_line(error)}"
            yield _problem(change, f"version {number} is pinned, but {said}")
            return
        yield from filter(None, (pins.mismatch(pin, number, found) for pin in asked))

    def exhibit(self, change: Change, cabinet: Cabinet) -> Callable[[], Exhibit]:
        need = self._need(change)
        if need is Need.NOTHING:
            return lambda: Exhibit(change=change)

        def one(number: int | None) -> Side | None:
            signature = need is Need.SIGNATURE and not change.prompt
            version = self._reading.recorded(change.model, number, signature=signature)
            if version is None:
                return None
            read = cabinet if need >= Need.ARTIFACT and not change.prompt else None
            return side(change.model, f"version {number}", version, read, self._pins)

        new, old = one(change.new), one(change.old)
        assert new is not None, "checked before"
        held, past = self._held.model(change.model), self._reading.past(change.model)
        return judging(change, old, new, self._desired, held, self._request, self._tools, past)


def _versions(changes: Iterable[Change]) -> set[VersionKey]:
    """Those that changes bring into stages, and those that they replace."""
    return {(c.model, number) for c in changes for number in (c.new, c.old) if number is not None}


def judging(
    change: Change,
    old: Side | None,
    new: Side,
    desired: Desired,
    held: HeldModel,
    request: Request,
    shared: Tools,
    history: tuple[Past, ...] = (),
) -> Callable[[], Exhibit]:
    """What the gates of a stage say of a version that is to enter it, given both sides.

    Both begin to predict if that is needed; what is returned waits for it.
    """
    model = desired.models[change.model]
    gates = model.gates_for(change.alias)
    of = subject(change, old, new, model.evaluation)
    loads = request.need is Need.PREDICTIONS
    before = {} if loads else known(of, gates, request.checked)
    scope = Scope(
        predict=not before and _need(gates, request) is Need.PREDICTIONS,
        link=request.link,
        tools=shared,
        better=model.directions,
        units=model.units,
        declared=heldout.declared(desired, change.model),
    )
    compared = begin(change.model, old, new, scope, history)

    def judged() -> Exhibit:
        found = compared()
        case = Case(
            change=change,
            held=held,
            new=new.version,
            old=old.version if old else None,
            now=request.now,
            comparison=found,
            directions=model.directions,
            units=model.units,
        )
        said = judge(gates, case, before)
        return Exhibit(
            change=change,
            verdicts=said,
            # a plan of many models needs the room of the rows of a few
            comparison=replace(found, rows=None),
            measured=tuple(measured(of, gates, said)) if of and found.predictions else (),
        )

    return judged


def _need(gates: tuple[Gate, ...], request: Request) -> Need:
    return max(request.need, needs(gates))


def _problem(change: Change, message: str) -> Problem:
    return Problem(where=change.where, model=change.model, stage=change.stage, message=message)
