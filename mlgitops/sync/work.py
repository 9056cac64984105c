"""What a round does with a commit: the verbs that Apply and Drift run in workflows, in their order.

A verb's exit code and its report tell what came of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from mlgitops.core.apply import Status
from mlgitops.core.status import StageState
from mlgitops.errors.applying import (
    ApplyFailedError,
    PartlyRefusedError,
    PlanRefusedError,
    SyncFailedError,
)
from mlgitops.report.wording import version_or_empty
from mlgitops.sync.engine import READER, TRAINER, WRITER
from mlgitops.sync.state import Outcome, Result
from mlgitops.system import forms
from mlgitops.words import count, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlgitops.sync.engine import Engine, Ran
    from mlgitops.system.forms import Form

HEALER = "drift-healer"  # who corrects drift, as in the workflow
# exit codes of an apply that reports what became of each change
_DECIDED = {
    0: Result.SYNCED,
    PlanRefusedError.exit_code: Result.REFUSED,
    PartlyRefusedError.exit_code: Result.REFUSED,
    ApplyFailedError.exit_code: Result.FAILED,
}
_SYNCED = Outcome(result=Result.SYNCED, kind="", lines=("Every stage is as declared",))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Change:
    """What is read of a change in a report."""

    model: str
    stage: str
    old: int | None = None
    new: int | None = None
    refused: bool = False
    status: str = ""
    reason: str | None = ""

    @property
    def slot(self) -> str:
        return f"{self.model} {self.stage}"

    def __str__(self) -> str:
        said = f" ({self.reason})" if self.reason else ""
        moved = f"{version_or_empty(self.old)} → {version_or_empty(self.new)}"
        return f"{self.slot} {moved}: {self.status}{said}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stage:
    model: str
    stage: str
    desired: int | None
    actual: int | None
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Report:
    """What is read of the report of a plan or an apply."""

    kind: Literal["plan", "apply"]
    changes: tuple[_Change, ...]
    outcomes: tuple[_Change, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Status:
    kind: Literal["status"]
    stages: tuple[_Stage, ...]


_REPORT, _STATUS = TypeAdapter(_Report), TypeAdapter(_Status)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """How a commit is made true.

    Attributes:
        given: the options of every verb: which models.yaml, which registry.
        github: the variables of verbs that ask GitHub; empty where it is not asked.
        announce: those of the verb that tells others.
        train: whether versions that the registry lacks are trained.
        heal: whether drift is corrected.
    """

    engine: Engine
    given: tuple[str, ...]
    github: Mapping[str, str]
    announce: Mapping[str, str]
    train: bool
    heal: bool

    def apply(self, *, again: bool) -> Outcome:
        """Make the registry what the commit declares.

        Args:
            again: whether changes were refused before: if nothing else is left, all stays so.

        Raises:
            SyncEndedError: somebody wants the sync to end.
        """
        try:
            return self._told(self._chain(again=again))
        except SyncFailedError as error:
            return _failed(str(error).splitlines())

    def look(self, *, again: bool, failed: bool) -> Outcome:
        """Find out whether the registry is still so, and correct what was moved by hand.

        Args:
            again: as of `apply`, of what is yet to be applied.
            failed: whether something failed before, so that others may not have been told.

        Raises:
            SyncEndedError: somebody wants the sync to end.
        """
        try:
            self._must("status", "--format", "json", login=READER, out="status.json")
            stages = self._read("status.json", _STATUS).stages
            if any(one.state == StageState.PENDING for one in stages):
                return self._told(self._chain(again=again))
            wrong = [one for one in stages if one.state == StageState.DRIFT]
            if wrong and self.heal:
                return self._told(self._apply(more={"MLGITOPS_ACTOR": HEALER}))
            found = _drift(wrong) if wrong else _SYNCED
            return self._told(found) if failed else found
        except SyncFailedError as error:
            return _failed(str(error).splitlines())

    def _chain(self, *, again: bool) -> Outcome:
        """Find out whose the changes are, train, plan and apply.

        Raises:
            SyncFailedError: a verb failed before anything was decided.
        """
        known: list[str] = []
        if self.github:
            self._must("github", "author", "--out", self._path("authors.json"), login=READER)
            known += ["--authors", self._path("authors.json")]
        trained = self._run("train", login=TRAINER) if self.train else None
        if self.github:
            self._must("github", "verdicts", "--out", self._path("checked.json"), login=READER)
            known += ["--checked", self._path("checked.json")]
        plan = self._path("plan.json")
        shown = ("--out", plan, "--report", self._path("planned.json"))
        planned = self._run("plan", "--quick", *known, *shown, login=READER)
        if planned.code not in (0, PlanRefusedError.exit_code):
            raise SyncFailedError("\n".join(planned.errors))
        changes = self._read("planned.json", _REPORT).changes
        if again and changes and all(one.refused for one in changes):
            return _decided(Result.REFUSED, planned, changes)
        found = self._apply("--plan", plan, *known) if planned.code or changes else _SYNCED
        # what was not trained is refused, if a stage is to have it
        return _with(found, "train", trained) if trained else found

    def _told(self, found: Outcome) -> Outcome:
        """What came of a commit, after others were told of the stages that it changed."""
        return _with(found, "announce", self._run("announce"))

    def _apply(self, *options: str, more: Mapping[str, str] | None = None) -> Outcome:
        report = ("--report", self._path("applied.json"))
        ran = self._run("apply", *options, *report, more=more)
        if ran.code not in _DECIDED:
            raise SyncFailedError("\n".join(ran.errors))
        done = self._read("applied.json", _REPORT).outcomes
        return _decided(_DECIDED[ran.code], ran, done) if ran.code else _applied(done)

    def _must(self, *arguments: str, login: str, out: str | None = None) -> None:
        ran = self._run(*arguments, login=login, out=out)
        if ran.code:
            raise SyncFailedError("\n".join(ran.errors))

    def _run(
        self,
        *arguments: str,
        login: str = WRITER,
        more: Mapping[str, str] | None = None,
        out: str | None = None,
    ) -> Ran:
        own = {"github": self.github, "announce": self.announce}.get(arguments[0], {})
        variables = {**own, **(more or {})}
        return self.engine.run(*arguments, *self.given, login=login, more=variables, out=out)

    def _path(self, name: str) -> str:
        return str(self.engine.reports / name)

    def _read(self, name: str, form: TypeAdapter[Form]) -> Form:
        """A report of a verb that ended.

        Raises:
            SyncFailedError: it wrote none.
        """
        try:
            return forms.read(self.engine.reports / name, form, strict=False)
        except (OSError, ValidationError) as error:
            raise SyncFailedError(f"{name} is no report: {one_line(error)}") from error


def _applied(done: Sequence[_Change]) -> Outcome:
    if not done:
        return _SYNCED
    lines = (f"{count(len(done), 'change')} applied", *map(str, done))
    return Outcome(result=Result.SYNCED, kind="applied", lines=lines, changed=len(done))


def _decided(result: Result, ran: Ran, changes: Sequence[_Change]) -> Outcome:
    """The outcome of a plan or an apply that names what is left."""
    made = [one for one in changes if one.status == Status.APPLIED]
    left = [one for one in changes if one not in made and (one.refused or one.status)]
    applied = f", {len(made):,} applied" if made else ""
    word = "refused" if result is Result.REFUSED else "not applied"
    head = f"{count(len(left), 'change')} {word}{applied}: {ran.errors[0]}"
    kind = ", ".join(sorted(f"{one.slot} {one.new}" for one in left))
    lines = (head, *ran.errors[1:], *map(str, made))
    return Outcome(result=result, kind=kind, lines=lines, changed=len(made))


def _with(found: Outcome, verb: str, ran: Ran) -> Outcome:
    """An outcome, and what a verb beside it failed on."""
    if not ran.code:
        return found
    lines = (*ran.errors, *(found.lines if found.kind else ()))
    return replace(found, result=Result.FAILED, kind=f"{verb} {found.kind}", lines=lines)


def _failed(lines: Sequence[str]) -> Outcome:
    return Outcome(result=Result.FAILED, kind="error", lines=tuple(lines))


def _drift(stages: Sequence[_Stage]) -> Outcome:
    lines = [f"{one.model} {one.stage}: {_is(one)}" for one in stages]
    head = f"{count(len(stages), 'stage')} not as declared: {lines[0]}"
    return Outcome(result=Result.DRIFT, kind=", ".join(lines), lines=(head, *lines[1:]))


def _is(stage: _Stage) -> str:
    should, actual = map(version_or_empty, (stage.desired, stage.actual))
    return f"should be {should}, is {actual}"
