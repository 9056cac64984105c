"""What a sync remembers between two rounds, in a file; and what follows from it. Pure but for both.

The file is all that a round knows of the ones before it: rounds may be of one process that goes on,
or of many that a timer starts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from mlgitops.errors.applying import SyncFolderError
from mlgitops.system import forms

if TYPE_CHECKING:
    from pathlib import Path

_NEVER = datetime.min.replace(tzinfo=UTC)
_FIRST, _MOST = timedelta(minutes=1), timedelta(minutes=30)  # until a failure is tried again
_DOUBLINGS = 10  # of which no more are needed to reach the most


class Result(StrEnum):
    """How a commit stands."""

    SYNCED = "synced"
    DRIFT = "drift"  # it is to be told and not to be healed
    REFUSED = "refused"  # of a plan, all that is left
    FAILED = "failed"


class Work(StrEnum):
    """What a round has to do with a commit."""

    APPLY = "apply"
    LOOK = "look"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of a round's work.

    Attributes:
        kind: what tells it from another outcome of the same commit, without what changes by itself.
        lines: for people; the first one says it all.
        changed: how many stages were changed.
    """

    result: Result
    kind: str
    lines: tuple[str, ...]
    changed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """What a commit says on GitHub; the key tells it from another, whatever its text is."""

    key: str
    state: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What is known after a round.

    Attributes:
        repository, branch, file: what is followed: the repository by host and path.
        commit: the newest commit of the branch that was taken; empty if there is none.
        result: how it stands; None as long as nothing was done with it.
        whole: whether all of it was applied once, so that what differs was moved by hand.
        kind: of the outcome that it has.
        said: the first line of that outcome.
        failures: how many times in a row it was not synced.
        next: when there is something to do with it again.
        rewritten: the newest commit, if it does not follow the one that was taken.
        told: the outcome that the chat knows of; empty if all is well.
        reported: what the commit statuses say, by commit.
        report_after: when those that could not be set are tried again.
        unreachable: since when the repository cannot be had; None if it can.
        unreachable_told: whether the chat knows.
    """

    version: Literal[1] = 1
    repository: str
    branch: str
    file: str
    commit: str = ""
    result: Result | None = None
    whole: bool = False
    kind: str = ""
    said: str = ""
    failures: int = 0
    next: datetime = _NEVER
    rewritten: str = ""
    told: str = ""
    reported: dict[str, str] = field(default_factory=dict)
    report_after: datetime = _NEVER
    unreachable: datetime | None = None
    unreachable_told: bool = False

    def taking(self, commit: str) -> State:
        """After a commit was taken; nothing is known of it yet."""
        return replace(
            self,
            commit=commit,
            result=None,
            kind="",
            said="",
            failures=0,
            rewritten="",
        )

    def statuses(self) -> dict[str, Status]:
        """What commits are to say, by commit."""
        said = {}
        if self.commit and self.result is None:
            said[self.commit] = Status(key="pending", state="pending", text="Applying")
        elif self.commit:
            how = "failure" if self.key else "success"
            said[self.commit] = Status(key=self.key or how, state=how, text=self.said)
        if self.rewritten:
            text = f"The history was rewritten; {self.commit[:12]} still holds"
            said[self.rewritten] = Status(key="rewritten", state="failure", text=text)
        return said

    @property
    def key(self) -> str:
        """What tells how the commit stands from how it stood; empty if all is well."""
        well = self.result in (None, Result.SYNCED)
        return "" if well else f"{self.commit} {self.result} {self.kind}"

    def due(self, now: datetime, *, at_once: bool = False) -> Work | None:
        """What there is to do with the commit: now, or as soon as there is."""
        waits = self.result is not None and now < self.next and not at_once
        if not self.commit or waits:
            return None
        return Work.LOOK if self.whole else Work.APPLY

    def after(self, outcome: Outcome, now: datetime, look: timedelta) -> State:
        """After a round's work.

        Args:
            outcome: what came of it.
            now: the end of the work.
            look: how long a stage that was moved by hand may stay so.
        """
        synced = outcome.result is Result.SYNCED
        failures = 0 if synced else self.failures + 1
        pause = look if outcome.result in (Result.SYNCED, Result.DRIFT) else _pause(failures)
        return replace(
            self,
            result=outcome.result,
            whole=self.whole or synced,
            kind=outcome.kind,
            said=outcome.lines[0],
            failures=failures,
            next=now + pause,
        )


def _pause(failures: int) -> timedelta:
    doubled: int = 2 ** min(failures - 1, _DOUBLINGS)
    return min(_MOST, _FIRST * doubled)


_FORM = TypeAdapter(State)


def read(path: Path, fresh: State) -> State:
    """What was written after the last round; `fresh` before the first one.

    Raises:
        SyncFolderError: it is no such file, or of something else than `fresh` follows.
    """
    try:
        found = forms.read(path, _FORM, strict=False)
    except FileNotFoundError:
        return fresh
    except OSError as error:
        raise SyncFolderError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        raise SyncFolderError(
            f"{path} is not what `mlgitops sync` wrote; remove it, and the next round takes the "
            "branch as it is"
        ) from error
    before, now = ((one.repository, one.branch, one.file) for one in (found, fresh))
    if before != now:
        raise SyncFolderError(
            f"{path.parent} follows {' '.join(before)}, not {' '.join(now)}; pass another --folder"
        )
    return found


def write(path: Path, state: State) -> None:
    """Write what the next round has to know.

    Raises:
        FileWriteError: it cannot be written; the old file is as it was.
    """
    forms.write(path, _FORM, state)
