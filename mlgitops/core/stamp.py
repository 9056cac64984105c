"""Stamps: who put a version into a stage, written as one tag on the model version.

The tag `mlgitops.stages` holds a JSON object: alias → the stamp of that stage. Its name is the same
for all stages, so that one search finds every stamped version. A stamp counts the moves of its
stage, so that the newest one is known without trusting the clocks of several machines. It is
written *before* the alias moves: an apply that is killed in between leaves a stamp without a move,
which the next apply replaces, and never a move without a stamp.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Raw
from msgspec.json import Decoder

from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

TAG = "mlgitops.stages"
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"  # ISO 8601, UTC, whole seconds
_MOST = 200  # characters: a tag of MLflow 2 has 5,000 for the stamps of all stages
_NEWER = ("approvers", "allowed", "reason")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_Number = Annotated[int, Meta(ge=1)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """Whose change of a stage it is.

    Attributes:
        commit: the commit of models.yaml that asked for it, or `uncommitted`.
        pull_request: its number, where it is known.
        actor: the login or the name of who merged or applied it.
        approvers: the logins of who approved the pull request.
        labels: its labels that count: `NAME`, or `NAME@LOGIN` with the login of who set it.
        allowed: what allowed its change in spite of guards, in short; empty if none objected.
        reason: why, as the commit says: its trailer `Reason:`; may be empty.
    """

    commit: str
    actor: str
    pull_request: str | None = None
    approvers: tuple[str, ...] = ()
    labels: frozenset[str] = frozenset()
    allowed: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """The record of one move of one stage.

    Attributes:
        move: 1 for the stage's first move, then counting up.
        version: the version that the stage holds since; None if the move emptied it.
        previous: the version that it held before; None if it was empty.
        time: ISO 8601, UTC.
        since: when the stage got the version, where the move only put it back; else empty.
        registry: the identity of the registry that it was written to.
        owner: who manages the stage.
        record: the id of the run that records the apply; None if there is none.
        approvers: who approved the pull request; may be cut.
        allowed: what allowed the move in spite of guards; may be cut. The record has all.
        reason: why, as the commit says; may be empty.
    """

    move: _Number
    version: _Number | None
    previous: _Number | None
    commit: str
    actor: str
    time: str
    pull_request: str | None = None
    registry: str = ""
    owner: str = ""
    since: str = ""
    record: str | None = None
    approvers: str = ""
    allowed: str = ""
    reason: str = ""


def make(
    *,
    move: int,
    version: int | None,
    previous: int | None,
    author: Author,
    now: datetime,
    registry: str,
    owner: str,
    since: str = "",
    record: str | None = None,
) -> Stamp:
    """The stamp of a move that `author` makes at `now`."""
    return Stamp(
        move=move,
        version=version,
        previous=previous,
        commit=author.commit,
        actor=author.actor,
        pull_request=author.pull_request,
        time=iso(now),
        registry=registry,
        owner=owner,
        since=since,
        record=record,
        approvers=one_line(", ".join(author.approvers))[:_MOST],
        allowed=one_line(author.allowed)[:_MOST],
        reason=one_line(author.reason)[:_MOST],
    )


def iso(moment: datetime) -> str:
    """A time as stamps have it: ISO 8601, UTC, whole seconds; later ones sort later."""
    return moment.astimezone(UTC).strftime(_FORMAT)


def dump(stamps: Mapping[str, Stamp]) -> str:
    """The tag's value: the stamps that a version carries, by alias."""
    written = {alias: _written(stamps[alias]) for alias in sorted(stamps)}
    # MLflow 2 allows 5,000 characters: é stays one
    return json.dumps(written, separators=(",", ":"), ensure_ascii=False)


def _written(stamp: Stamp) -> dict[str, object]:
    """Without what is newer and empty: an older mlgitops takes no stamp with fields of later."""
    return {key: value for key, value in asdict(stamp).items() if value or key not in _NEWER}


def parse(text: str) -> dict[str, Stamp]:
    """Read a tag's value; what is not a stamp, for example edited by hand, is left out."""
    try:
        found = _tag.decode(text)
    except (ValueError, RecursionError):
        return {}
    return {alias: stamp for alias, written in found.items() if (stamp := _stamp(written))}


_tag, _one = Decoder(dict[str, Raw]), Decoder(Stamp)


def _stamp(written: Raw) -> Stamp | None:
    try:
        stamp = _one.decode(written)
    except (ValueError, RecursionError):
        return None
    sound = _is_time(stamp.time) and (not stamp.since or _is_time(stamp.since))
    return stamp if sound else None


@lru_cache(maxsize=1_000)  # all that one apply has written have about the same time
def _is_time(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
