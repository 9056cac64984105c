"""Gates on what a comparison measured: the size of the payload, the time of a prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.core.gate import verdict

if TYPE_CHECKING:
    from mlgitops.core.desired import ArtifactSizeGate, LatencyGate
    from mlgitops.core.gate import Case, Verdict


def artifact_size(gate: ArtifactSizeGate, case: Case) -> Verdict:
    """Whether the payload is small enough."""
    rule = f"max_artifact_size {gate.text}"
    expected = f"at most {gate.text} ({gate.most:,} bytes)"
    artifact = case.comparison.new.artifact if case.comparison else None
    if artifact is None:
        return verdict(rule, False, expected, _unmeasured(case))
    return verdict(rule, artifact.size <= gate.most, expected, f"{artifact.size:,} bytes")


def latency(gate: LatencyGate, case: Case) -> Verdict:
    """Whether a prediction is fast enough."""
    rule = f"max_latency {gate.text}"
    expected = f"at most {gate.text} a row: the median, on the machine that plans"
    predictions = case.comparison.predictions if case.comparison else None
    if predictions is None:
        return verdict(rule, False, expected, _unmeasured(case))
    taken = predictions.new_cost.milliseconds
    return verdict(rule, taken <= gate.most, expected, f"{taken:.6g} ms")


def _unmeasured(case: Case) -> str:
    found = case.comparison
    why = (found.trouble or found.new.trouble) if found else ""
    return f"not measured: {why or 'no evidence was collected'}"
