"""Stamps: who put a version into a stage, written as one tag per stage on the model version.

The tag `mlgitops.stage.<alias>` holds a JSON object. A stamp counts the moves of its stage, so
that the newest one is known without trusting the clocks of several machines. It is written
*before* the alias moves: an apply that is killed in between leaves a stamp without a move, which
the next apply replaces, and never a move without a stamp.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

TAG_PREFIX = "mlgitops.stage."
_TIME = "%Y-%m-%dT%H:%M:%SZ"  # ISO 8601, UTC, whole seconds


def tag_of(alias: str) -> str:
    """The name of the tag that holds the stamp of the stage stored as `alias`."""
    return TAG_PREFIX + alias


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """On whose behalf an apply runs.

    Attributes:
        commit: the commit of models.yaml, or `uncommitted`.
        pull_request: its number, where it is known.
        actor: a login or a name.
    """

    commit: str
    actor: str
    pull_request: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """The record of one move of one stage.

    Attributes:
        move: 1 for the stage's first move, then counting up.
        version: the version that the stage holds since; None if the move emptied it.
        previous: the version that it held before; None if it was empty.
        time: ISO 8601, UTC.
    """

    move: int
    version: int | None
    previous: int | None
    commit: str
    actor: str
    time: str
    pull_request: str | None = None

    def dump(self) -> str:
        """The tag's value."""
        return json.dumps(asdict(self), separators=(",", ":"))


def make(
    *, move: int, version: int | None, previous: int | None, author: Author, now: datetime
) -> Stamp:
    """The stamp of a move that `author` makes at `now`."""
    return Stamp(
        move=move,
        version=version,
        previous=previous,
        commit=author.commit,
        actor=author.actor,
        pull_request=author.pull_request,
        time=now.astimezone(UTC).strftime(_TIME),
    )


def parse(text: str) -> Stamp | None:
    """Read a tag's value; None if it is not a stamp, for example edited by hand."""
    try:
        stamp = Stamp(**json.loads(text))
        datetime.strptime(stamp.time, _TIME)  # noqa: DTZ007 - only checked; the format says UTC
    except (ValueError, TypeError):
        return None
    numbers = (stamp.move, stamp.version or 1, stamp.previous or 1)
    texts = (stamp.commit, stamp.actor, stamp.pull_request or "")
    sound = all(type(n) is int and n > 0 for n in numbers) and all(type(t) is str for t in texts)
    return stamp if sound else None
