"""What the last apply of a stage refused, as its record says. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.core.apply import Status
from mlgitops.core.gate import Result, told
from mlgitops.core.stage import alias_of
from mlgitops.words import when

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlgitops.core.record import Entry
    from mlgitops.core.stage import StageKey
    from mlgitops.core.status import StageStatus


def latest(entries: Iterable[Entry]) -> dict[StageKey, Entry]:
    """The last change of each stage that applies recorded; they come the oldest first."""
    return {(one.model, alias_of(one.stage)): one for one in entries}


def refusal(last: Mapping[StageKey, Entry], status: StageStatus, *, soaks: bool) -> str:
    """Why the last apply of a stage refused what is asked for; empty if it did not.

    Args:
        last: the last change of each stage that applies recorded.
        status: how the stage stands.
        soaks: the version soaks, which is told by itself: the gate that waits for it is left out.
    """
    entry = last.get((status.model, alias_of(status.stage)))
    if entry is None or entry.outcome != Status.REFUSED or entry.new != status.desired:
        return ""
    failed = [one for one in entry.gates if one.result == Result.FAILED]
    gates = [
        told(one.rule, one.expected, one.actual)
        for one in failed
        if not (soaks and " soak " in one.rule)
    ]
    guards = [f"{one.guard}: {one.reason}" for one in entry.guards if not one.allowed]
    if failed and not (gates or guards):
        return ""
    why = "; ".join((*gates, *guards)) or entry.reason
    return f"refused at {when(entry.time)}{f': {why}' if why else ''}"
