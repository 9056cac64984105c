"""Gates on what is measured of a payload, and how much must be read for each gate."""

from __future__ import annotations

import math
from shutil import rmtree
from typing import TYPE_CHECKING

import pytest

from mlgitops.core import gate as gating
from mlgitops.core.gate import Need, Result
from tests.gates.cases import case, gates, measured

if TYPE_CHECKING:
    from mlgitops.core.evidence import Comparison
    from tests.team import Team


@pytest.mark.parametrize(
    ("gate", "size", "result", "expected"),
    [
        ("50MB", 50_000_000, Result.PASSED, "at most 50MB (50,000,000 bytes)"),
        ("50MB", 50_000_001, Result.FAILED, "at most 50MB (50,000,000 bytes)"),
        ("1.5KiB", 1536, Result.PASSED, "at most 1.5KiB (1,536 bytes)"),
        ("1.5kB", 1536, Result.FAILED, "at most 1.5kB (1,500 bytes)"),
    ],
)
def test_a_payload_of_at_most_so_many_bytes(
    gate: str, size: int, result: Result, expected: str
) -> None:
    """The limit itself passes; decimal and binary units differ."""
    looked_at = case(comparison=measured(size=size))
    (verdict,) = gating.judge(gates(f"{{max_artifact_size: {gate}}}"), looked_at)
    assert verdict == gating.Verdict(
        rule=f"max_artifact_size {gate}",
        result=result,
        expected=expected,
        actual=f"{size:,} bytes",
    )


@pytest.mark.parametrize(
    ("gate", "milliseconds", "result", "actual"),
    [
        ("20ms", 20.0, Result.PASSED, "20 ms"),
        ("20ms", 20.0001, Result.FAILED, "20.0001 ms"),
        ("0.02s", 3.21, Result.PASSED, "3.21 ms"),
        ("20ms", math.nan, Result.FAILED, "nan ms"),
    ],
)
def test_a_prediction_of_at_most_so_many_milliseconds(
    gate: str, milliseconds: float, result: Result, actual: str
) -> None:
    """The median time of the new version counts; what is no number fails."""
    looked_at = case(comparison=measured(milliseconds=milliseconds))
    (verdict,) = gating.judge(gates(f"{{max_latency: {gate}}}"), looked_at)
    assert verdict == gating.Verdict(
        rule=f"max_latency {gate}",
        result=result,
        expected=f"at most {gate} a row: the median, on the machine that plans",
        actual=actual,
    )


@pytest.mark.parametrize("gate", ["{max_artifact_size: 50MB}", "{max_latency: 20ms}"])
@pytest.mark.parametrize(
    ("comparison", "why"),
    [
        (None, "no evidence was collected"),
        (measured(), "no evidence was collected"),
        (measured(side="the store is gone"), "the store is gone"),
        (measured(trouble="no rows to score"), "no rows to score"),
        (measured(trouble="no rows to score", side="the store is gone"), "no rows to score"),
    ],
)
def test_what_was_not_measured_fails(gate: str, comparison: Comparison | None, why: str) -> None:
    """The verdict says why there is nothing to compare with the limit."""
    (verdict,) = gating.judge(gates(gate), case(comparison=comparison))
    assert (Result.FAILED, f"not measured: {why}") == (verdict.result, verdict.actual)


def test_a_version_whose_payload_can_not_be_had_is_refused(team: Team) -> None:
    """There is nothing to measure; the plan says so and does not pass it."""
    team.versions(1)
    rmtree(team.payload(1))
    limits = "{max_artifact_size: 50MB}, {max_latency: 20ms}"
    team.write(
        f"models: {{wind: {{gates: {{Production: [{limits}]}}, stages: {{Production: 1}}}}}}"
    )
    ran = team.run("plan", "--format", "json")
    assert ran.code == 3
    found = ran.document["changes"][0]["gates"]
    assert [gate["result"] for gate in found] == ["failed", "failed"]
    assert all(gate["actual"].startswith("not measured: ") for gate in found)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([], Need.NOTHING),
        (["{metric: r2, min: 0}", "{promoted_from: Staging, soak: 1h}"], Need.RUN),
        (["{same_dataset: true}", "{requires_tag: approved}"], Need.RUN),
        (["{signature: compatible}"], Need.SIGNATURE),
        (["{max_artifact_size: 1MB}", "{signature: compatible}"], Need.ARTIFACT),
        (["{max_latency: 1ms, mode: warn}", "{max_artifact_size: 1MB}"], Need.PREDICTIONS),
        (["{python: mlgitops:check}"], Need.PREDICTIONS),
    ],
)
def test_no_more_is_read_than_gates_look_at(listed: list[str], expected: Need) -> None:
    """The most that any of them needs; each step includes those before it."""
    assert expected == gating.needs(gates(*listed))
