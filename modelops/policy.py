"""Gates: the conditions that a version must meet to enter a stage.

Pure: works on the change, the state and the evidence that it is given. A version that returns to
a stage which it held before (a rollback, or the healing of drift) is measured, but not refused:
it met the gates when it entered, and going back at night must not wait for a better model.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from modelops.desired.values import Gate, MetricGate, PromotedFromGate
from modelops.registry.values import alias_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelops.desired.values import Regression
    from modelops.plan import Change
    from modelops.registry.values import ActualModel, Column, Signature, Version

# int → long and float → double lose nothing; MLflow's schema enforcement makes the same casts
_WIDENED = {("integer", "long"), ("integer", "double"), ("float", "double")}


class Result(StrEnum):
    """What a gate says."""

    PASSED = "passed"
    FAILED = "failed"
    WAIVED = "waived"  # it failed, and the version returns to a stage it held before


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What one gate says of one change, and why.

    Attributes:
        rule: the gate as models.yaml writes it.
        expected: what the rule asks for, in numbers.
        actual: what was found.
    """

    rule: str
    result: Result
    expected: str
    actual: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """All that gates may look at: the change, the model's state, the new and the old version."""

    change: Change
    held: ActualModel
    new: Version
    old: Version | None


def check(gates: tuple[Gate, ...], case: Case) -> tuple[Verdict, ...]:
    """The verdicts of all gates, in the order of the file."""
    verdicts = [verdict for gate in gates for verdict in _verdicts(gate, case)]
    waived = case.change.rollback or case.change.heals
    return tuple(
        Verdict(rule=v.rule, result=Result.WAIVED, expected=v.expected, actual=v.actual)
        if waived and v.result is Result.FAILED
        else v
        for v in verdicts
    )


def _verdicts(gate: Gate, case: Case) -> Iterator[Verdict]:
    if isinstance(gate, MetricGate):
        yield from _metric(gate, case)
    elif isinstance(gate, PromotedFromGate):
        yield _promoted_from(gate, case)
    else:
        yield _signature(case)


def _verdict(rule: str, passed: bool, expected: str, actual: str) -> Verdict:
    result = Result.PASSED if passed else Result.FAILED
    return Verdict(rule=rule, result=result, expected=expected, actual=actual)


def _metric(gate: MetricGate, case: Case) -> Iterator[Verdict]:
    value = _finite(case.new.metrics, gate.metric)
    shown = _shown(case.new.metrics, gate.metric)
    if gate.minimum is not None:
        passed = value is not None and value >= gate.minimum
        rule = f"{gate.metric} min {gate.minimum:g}"
        yield _verdict(rule, passed, f"at least {gate.minimum:g}", shown)
    if gate.maximum is not None:
        passed = value is not None and value <= gate.maximum
        rule = f"{gate.metric} max {gate.maximum:g}"
        yield _verdict(rule, passed, f"at most {gate.maximum:g}", shown)
    if gate.max_regression is not None:
        yield _regression(gate, gate.max_regression, case)


def _regression(gate: MetricGate, limit: Regression, case: Case) -> Verdict:
    value, shown = _finite(case.new.metrics, gate.metric), _shown(case.new.metrics, gate.metric)
    rule = f"{gate.metric} max_regression {limit.text}"
    if case.old is None:
        expected = "recorded; the stage is empty, there is nothing to regress from"
        return _verdict(rule, value is not None, expected, shown)
    present = _finite(case.old.metrics, gate.metric)
    if present is None:
        what = f"version {case.old.number} has no usable {gate.metric} to compare with"
        return _verdict(rule, False, what, shown)
    allowed = limit.amount * (abs(present) if limit.relative else 1)
    bound = present + allowed if gate.better == "lower" else present - allowed
    word = "at most" if gate.better == "lower" else "at least"
    passed = value is not None and (value <= bound if gate.better == "lower" else value >= bound)
    expected = f"{word} {bound:.6g} (version {case.old.number} has {present:.6g})"
    return _verdict(rule, passed, expected, shown)


def _finite(metrics: Mapping[str, float], name: str) -> float | None:
    value = metrics.get(name)
    # MLflow's database has no infinity: it stores the largest number instead
    usable = value is not None and abs(value) < sys.float_info.max
    return value if usable else None


def _shown(metrics: Mapping[str, float], name: str) -> str:
    return f"{metrics[name]:.6g}" if name in metrics else "not recorded"


def _promoted_from(gate: PromotedFromGate, case: Case) -> Verdict:
    rule = f"promoted_from {gate.stage}"
    expected = f"version {case.new.number} is or was in {gate.stage}"
    alias = alias_of(gate.stage)
    if case.held.aliases.get(alias) == case.new.number:
        return _verdict(rule, True, expected, f"it is in {gate.stage}")
    stamp = case.held.stamps.get(alias, {}).get(case.new.number)
    if stamp is not None:
        return _verdict(rule, True, expected, f"it was in {gate.stage} at {stamp.time}")
    if not case.held.aliases and not any(case.held.stamps.values()):
        return _verdict(rule, True, expected, "no version of this model was ever in any stage")
    return _verdict(rule, False, expected, f"it never was in {gate.stage}")


def _signature(case: Case) -> Verdict:
    rule, expected = "signature compatible", "a signature that callers of the stage can use"
    new = case.new.signature
    if new is None:
        return _verdict(rule, False, expected, f"version {case.new.number} has no signature")
    if case.old is None or case.old.signature is None:
        return _verdict(rule, True, expected, "no present signature to be compatible with")
    breaks = breaking(case.old.signature, new)
    return _verdict(rule, not breaks, expected, "; ".join(breaks) or "compatible")


def breaking(old: Signature, new: Signature) -> tuple[str, ...]:
    """Why callers of `old` cannot call `new`; empty if they can.

    An input column breaks callers when it is required and new, removed (their values would be
    ignored in silence), or of a type that does not hold the old one. An output column breaks them
    when it is removed or of another type.
    """
    return (
        *_input_breaks(_by_name(old.inputs), _by_name(new.inputs)),
        *_output_breaks(_by_name(old.outputs), _by_name(new.outputs)),
    )


def _by_name(columns: tuple[Column, ...] | None) -> dict[str, Column]:
    return {column.name: column for column in columns or ()}


def _input_breaks(old: dict[str, Column], new: dict[str, Column]) -> Iterator[str]:
    for name, column in old.items():
        if name not in new:
            yield f"input {name} was removed"
            continue
        kinds = (column.type, new[name].type)
        if kinds[0] != kinds[1] and kinds not in _WIDENED:
            yield f"input {name} was {kinds[0]} and is {kinds[1]}"
        if new[name].required and not column.required:
            yield f"input {name} was optional and is required"
    for name, column in new.items():
        if column.required and name not in old:
            yield f"input {name} is new and required"


def _output_breaks(old: dict[str, Column], new: dict[str, Column]) -> Iterator[str]:
    for name, column in old.items():
        if name not in new:
            yield f"output {name} was removed"
        elif new[name].type != column.type:
            yield f"output {name} was {column.type} and is {new[name].type}"
