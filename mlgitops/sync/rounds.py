"""One round of following a branch: ask for its newest commit, do what is due, tell what is new."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlgitops.errors import GitError, GitHubError, HistoryRewrittenError, UsageError
from mlgitops.errors.applying import SyncFailedError, SyncUnderWayError
from mlgitops.notify import webhook
from mlgitops.sync import host, state
from mlgitops.sync.engine import Engine, announcing
from mlgitops.sync.repository import Clone
from mlgitops.sync.state import Outcome, Result, State, Work
from mlgitops.sync.work import Job
from mlgitops.system import waiting
from mlgitops.words import one_line, when

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mlgitops.errors import MlgitopsError
    from mlgitops.sync.repository import Remote

_QUIET = timedelta(minutes=10)  # until people are told that the repository cannot be had
_REPORTING = timedelta(minutes=10)  # until a status that could not be set is tried again
_LEAST = 7  # characters of a commit that name it
_WAIT = 600.0  # seconds for another sync in the same folder


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """What went wrong in a round, if something did, and whether that is new."""

    problem: MlgitopsError | None = None
    new: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Sync:
    """How a branch is followed.

    Attributes:
        remote: the branch.
        identity: the repository by host and path, however it is reached.
        folder: of this sync alone: the clone, what is remembered, reports.
        state: the folder of the embedded registry, where no other is named.
        file: models.yaml, as seen from the repository's root.
        look: between two looks for drift.
        heal: whether drift is corrected.
        train: whether versions that the registry lacks are trained.
        context: the name of the commit status.
        beat: is called every moment in which the sync works.
        stopped: whether somebody wants it to end.
        tell, warn: are told what happens.
    """

    remote: Remote
    identity: str
    folder: Path
    state: Path
    file: str
    look: timedelta
    heal: bool
    train: bool
    context: str
    beat: Callable[[], None]
    stopped: Callable[[], bool]
    tell: Callable[[str], None]
    warn: Callable[[str], None]

    def round(self, *, accept: str = "", at_once: bool = False) -> Round:
        """Do what is due, and remember it.

        Args:
            accept: a commit that may be one of a rewritten history.
            at_once: whether it is due, whenever it was done last.

        Raises:
            SyncEndedError: somebody wants the sync to end.
            SyncUnderWayError: another sync works in the folder.
            SyncFolderError: the folder is of something else.
            UsageError: the branch is not at the commit that is accepted.
        """
        with self._alone():
            found = state.read(self._kept, self._fresh)
            found, done = self._taken(found, accept)
            found = self._keep(found)
            work = found.due(_now(), at_once=at_once)
            if work is not None:
                found, outcome = self._worked(found, work)
                if outcome.result is not Result.SYNCED:
                    done = Round(problem=SyncFailedError("\n".join(outcome.lines)))
            self._keep(found)
        return done

    @property
    def _kept(self) -> Path:
        return self.folder / "state.json"

    @property
    def _fresh(self) -> State:
        return State(repository=self.identity, branch=self.remote.branch, file=self.file)

    @property
    def _clone(self) -> Clone:
        return Clone(folder=self.folder / "clone", remote=self.remote)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep every other sync out of the folder.

        Raises:
            SyncUnderWayError: another one works there.
        """
        (self.folder / "reports").mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("a") as file:

            def taken() -> bool:
                self.beat()
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
                return True

            if not waiting.until(taken, timeout=_WAIT, unless=self.stopped):
                raise SyncUnderWayError(f"another sync works in {self.folder}; wait for it to end")
            yield

    def _keep(self, found: State) -> State:
        """Remember what is known, and set the commit statuses that do not say it yet."""
        state.write(self._kept, found)
        github = host.variables(self.remote, found.commit, os.environ)
        said = found.statuses() if github else {}
        new = {commit: one for commit, one in said.items() if found.reported.get(commit) != one.key}
        if not new or _now() < found.report_after:
            return found
        reported = {commit: key for commit, key in found.reported.items() if commit in said}
        later = found.report_after
        for commit, one in new.items():
            try:
                host.api(github).set_status(commit, self.context, one.state, one.text)
                reported[commit] = one.key
            except GitHubError as error:
                self.warn(f"the status of {commit[:12]} is not set: {one_line(error)}")
                later = _now() + _REPORTING
        found = replace(found, reported=reported, report_after=later)
        state.write(self._kept, found)
        return found

    def _taken(self, found: State, accept: str) -> tuple[State, Round]:
        """After the branch was asked for its newest commit, and why it was not taken."""
        try:
            head = self._clone.head()
            _check(accept, head, self.remote.branch)
            if head == found.commit:
                return replace(self._reached(found), rewritten=""), Round()
            if head == found.rewritten and not accept:
                return self._reached(found), Round()
            self._clone.bring(head, after="" if accept else found.commit)
        except HistoryRewrittenError as error:
            self._chat([str(error)])
            return replace(self._reached(found), rewritten=head), Round(problem=error)
        except GitError as error:
            new = found.unreachable is None
            return self._unreachable(found, error), Round(problem=error, new=new)
        self.tell(f"{self.remote.branch} is at {head}")
        return self._reached(found).taking(head), Round()

    def _unreachable(self, found: State, error: GitError) -> State:
        since = found.unreachable or _now()
        late = not found.unreachable_told and _now() - since >= _QUIET
        if late:
            self._chat(
                [f"the repository has been out of reach since {when(since)}: {one_line(error)}"]
            )
        told = found.unreachable_told or late
        return replace(found, unreachable=since, unreachable_told=told)

    def _reached(self, found: State) -> State:
        if found.unreachable:
            self.tell("the repository can be had again")
        if found.unreachable_told:
            self._chat(["the repository can be had again"])
        return replace(found, unreachable=None, unreachable_told=False)

    def _worked(self, found: State, work: Work) -> tuple[State, Outcome]:
        outcome = self._done(found, work)
        done = found.after(outcome, _now(), self.look)
        head = f"{self.remote.branch} at {done.commit[:12]}: {outcome.lines[0]}"
        news = done.key != found.told or outcome.changed > 0
        if not done.key:
            self.tell(head)
        if news:
            self._chat([head, *outcome.lines[1:]])
        return replace(done, told=done.key), outcome

    def _done(self, found: State, work: Work) -> Outcome:
        try:
            self._check_out(found.commit)
        except GitError as error:
            return Outcome(result=Result.FAILED, kind="error", lines=(one_line(error),))
        reports = self.folder / "reports"
        for left in reports.iterdir():
            left.unlink()
        job = Job(
            engine=Engine(
                checkout=self.folder / "clone",
                reports=reports,
                beat=self.beat,
                stopped=self.stopped,
                tell=self.tell,
            ),
            given=("--file", self.file, "--state", str(self.state)),
            github=host.variables(self.remote, found.commit, os.environ),
            announce=announcing(os.environ),
            train=self.train,
            heal=self.heal,
        )
        again = found.result is Result.REFUSED
        if work is Work.LOOK:
            return job.look(again=again, failed=found.result is Result.FAILED)
        return job.apply(again=again)

    def _check_out(self, commit: str) -> None:
        try:
            self._clone.check_out(commit)
        except GitError:  # somebody removed or damaged the clone
            self._clone.bring(commit, after="")

    def _chat(self, lines: list[str]) -> None:
        webhook.synced(f"{self.remote.shown} {self.remote.branch}", lines)


def _check(accept: str, head: str, branch: str) -> None:
    if accept and (len(accept) < _LEAST or not head.startswith(accept)):
        raise UsageError(f"--accept {accept}: {branch} is at {head}")


def _now() -> datetime:
    return datetime.now(UTC)
