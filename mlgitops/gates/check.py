"""Gates: the conditions that a version must meet to enter a stage.

Pure, but for a team's own checks: works on the change, the state and the evidence that it is given.
A version that returns to a stage which it held before (a rollback, or the healing of drift) is
measured, but not refused: it met the gates when it entered, and going back at night must not wait
for a better model.
"""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from typing import TYPE_CHECKING

from mlgitops.core.desired import (
    ArtifactSizeGate,
    LatencyGate,
    MetricGate,
    PromotedFromGate,
    PythonGate,
    SameDatasetGate,
    SignatureGate,
    TagGate,
)
from mlgitops.core.gate import Case, Result, Verdict
from mlgitops.core.signature import breaking
from mlgitops.gates import measured, metrics, own, promotion, recorded, signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlgitops.core.desired import Gate

__all__ = ["Case", "Need", "Result", "Verdict", "breaking", "check", "needs"]


class Need(IntEnum):
    """How much must be read of the versions; each includes those before it."""

    RUN = 0  # what the run and the registry recorded
    SIGNATURE = 1
    ARTIFACT = 2  # the whole payload
    PREDICTIONS = 3  # the payload, loaded and asked


def needs(gates: Iterable[Gate]) -> Need:
    """How much must be read for all of some gates to be able to pass."""
    return max((_need(gate) for gate in gates), default=Need.RUN)


def _need(gate: Gate) -> Need:
    match gate:
        case SignatureGate():
            return Need.SIGNATURE
        case ArtifactSizeGate():
            return Need.ARTIFACT
        case LatencyGate() | PythonGate():  # what a team's own check looks at is not known
            return Need.PREDICTIONS
        case _:
            return Need.RUN


def check(gates: Iterable[Gate], case: Case) -> tuple[Verdict, ...]:
    """The verdicts of all gates, in the order of the file."""
    return tuple(
        replace(said, result=_excused(gate, case)) if said.result is Result.FAILED else said
        for gate in gates
        for said in _verdicts(gate, case)
    )


def _excused(gate: Gate, case: Case) -> Result:
    """What a failure comes to."""
    if gate.mode == "warn":
        return Result.WARNED
    return Result.WAIVED if case.change.rollback or case.change.heals else Result.FAILED


def _verdicts(gate: Gate, of: Case) -> Iterator[Verdict]:
    match gate:
        case MetricGate():
            yield from metrics.bounds(gate, of)
        case SignatureGate():
            yield signature.compatible(of)
        case PromotedFromGate():
            yield promotion.promoted(gate, of)
        case SameDatasetGate():
            yield recorded.same_dataset(gate, of)
        case ArtifactSizeGate():
            yield measured.artifact_size(gate, of)
        case LatencyGate():
            yield measured.latency(gate, of)
        case TagGate():
            yield recorded.tagged(gate, of)
        case PythonGate():
            yield own.check(gate, of)
