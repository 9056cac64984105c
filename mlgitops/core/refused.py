"""What the last apply of a stage refused, as its record says. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.core.apply import Status
from mlgitops.core.gate import Result
from mlgitops.core.stage import alias_of
from mlgitops.words import when

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlgitops.core.record import Entry
    from mlgitops.core.status import StageStatus


def refusal(entries: Sequence[Entry], status: StageStatus, *, soaks: bool = False) -> str:
    """Why the last apply of a stage refused what is asked for; empty if it did not.

    Args:
        entries: the changes that applies recorded, the oldest first.
        status: how the stage stands.
        soaks: the version soaks, which is told by itself: the gate that waits for it is left out.
    """
    slot = status.model, alias_of(status.stage)
    of_stage = (one for one in reversed(entries) if (one.model, alias_of(one.stage)) == slot)
    last = next(of_stage, None)
    if last is None or last.outcome != Status.REFUSED or last.new != status.desired:
        return ""
    failed = [one for one in last.gates if one.result == Result.FAILED]
    gates = [
        f"{one.rule}: expected: {one.expected}; actual: {one.actual}"
        for one in failed
        if not (soaks and " soak " in one.rule)
    ]
    guards = [f"{one.guard}: {one.reason}" for one in last.guards if not one.allowed]
    if failed and not (gates or guards):
        return ""
    why = "; ".join((*gates, *guards)) or last.reason
    return f"refused at {when(last.time)}{f': {why}' if why else ''}"
