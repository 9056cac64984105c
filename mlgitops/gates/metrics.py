"""Gates on metrics: a missing metric, NaN and infinity fail."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mlgitops.core.gate import verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlgitops.core.desired import MetricGate, Regression
    from mlgitops.core.gate import Case, Verdict


def bounds(gate: MetricGate, case: Case) -> Iterator[Verdict]:
    """One verdict for each bound of a gate."""
    value = _finite(case.new.metrics, gate.metric)
    shown = _shown(case.new.metrics, gate.metric)
    if gate.minimum is not None:
        passed = value is not None and value >= gate.minimum
        rule = f"{gate.metric} min {gate.minimum:g}"
        yield verdict(rule, passed, f"at least {gate.minimum:g}", shown)
    if gate.maximum is not None:
        passed = value is not None and value <= gate.maximum
        rule = f"{gate.metric} max {gate.maximum:g}"
        yield verdict(rule, passed, f"at most {gate.maximum:g}", shown)
    if gate.max_regression is not None:
        yield _regression(gate, gate.max_regression, case)


def _regression(gate: MetricGate, limit: Regression, case: Case) -> Verdict:
    value, shown = _finite(case.new.metrics, gate.metric), _shown(case.new.metrics, gate.metric)
    rule = f"{gate.metric} max_regression {limit.text}"
    if case.old is None:
        expected = "recorded; the stage is empty, there is nothing to regress from"
        return verdict(rule, value is not None, expected, shown)
    present = _finite(case.old.metrics, gate.metric)
    if present is None:
        what = f"version {case.old.number} has no usable {gate.metric} to compare with"
        return verdict(rule, False, what, shown)
    allowed = limit.amount * (abs(present) if limit.relative else 1)
    bound = present + allowed if gate.better == "lower" else present - allowed
    word = "at most" if gate.better == "lower" else "at least"
    passed = value is not None and (value <= bound if gate.better == "lower" else value >= bound)
    expected = f"{word} {bound:.6g} (version {case.old.number} has {present:.6g})"
    return verdict(rule, passed, expected, shown)


def _finite(metrics: Mapping[str, float], name: str) -> float | None:
    value = metrics.get(name)
    # MLflow's database has no infinity: it stores the largest number instead
    usable = value is not None and abs(value) < sys.float_info.max
    return value if usable else None


def _shown(metrics: Mapping[str, float], name: str) -> str:
    return f"{metrics[name]:.6g}" if name in metrics else "not recorded"
