"""The gate on the worst slice: a better mean cannot hide a worse winter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mlgitops.core.evidence import Slice
from mlgitops.core.gate import Need, Result
from mlgitops.core.metrics import Interval
from mlgitops.errors import DesiredStateError
from tests.gates.cases import case, gates
from tests.gates.test_confidence import NEW, OLD, judged, looked_at, off

if TYPE_CHECKING:
    from mlgitops.core import gate as gating

GATE = "{worst_slice: test_mae, max_regression: 10%}"


def part(label: str, new: float, low: float, high: float) -> Slice:
    """A month whose mean absolute error was 100."""
    interval = Interval(low=low, high=high, level=0.95)
    return Slice(
        column="month",
        label=label,
        rows=60,
        metric="mae",
        old=100.0,
        new=new,
        interval=interval,
        better="lower",
    )


JUNE = part("June", 50.0, -60.0, -40.0)
MAY = part("May", 140.0, -10.0, 90.0)
WINTER = (part("January", 109.0, 5.0, 13.0), part("December", 120.0, 15.0, 25.0))


def with_slices(*found: Slice) -> gating.Case:
    """A case whose mean is better, with these slices."""
    known = looked_at(off(10.0, 1), off(5.0, 2))
    assert known.comparison is not None
    return replace(known, comparison=replace(known.comparison, slices=found))


@pytest.mark.parametrize(
    ("gate", "found", "result", "actual"),
    [
        (GATE, (JUNE,), Result.PASSED, "none of 1 slice"),
        (GATE, (JUNE, MAY), Result.PASSED, "none of 2 slices"),  # May may be chance
        (
            GATE,
            (JUNE, *WINTER),
            Result.FAILED,
            "month December: 100 → 120 (20.0% worse) on 60 rows",
        ),
        (
            "{worst_slice: mae, max_regression: 5}",
            (JUNE, *WINTER),
            Result.FAILED,
            "month December: 100 → 120 (20.0% worse) on 60 rows, and 1 more slice",
        ),
        ("{worst_slice: mae, max_regression: 20}", WINTER, Result.PASSED, "none of 2 slices"),
        (GATE, (), Result.FAILED, "not measured: the rows have no slices"),
    ],
)
def test_a_better_mean_cannot_hide_a_worse_winter(
    gate: str, found: tuple[Slice, ...], result: Result, actual: str
) -> None:
    """A slice fails that is worse beyond noise, and by more than the limit."""
    verdict = judged(with_slices(*found), gate)
    assert (verdict.result, verdict.actual) == (result, actual)


def test_what_is_not_measured_fails_with_the_reason() -> None:
    """Nobody knows the true values, or there are no predictions at all."""
    unknown = replace(looked_at(off(1, 1), off(1, 2), None), new=NEW, old=OLD)
    assert judged(unknown, GATE).actual.endswith(
        "the true values of rows of an example are not known"
    )
    nothing = judged(replace(case(), old=OLD), GATE)
    assert (nothing.result, nothing.actual) == (
        Result.FAILED,
        "not measured: no evidence was collected",
    )


def test_an_empty_stage_asks_only_for_the_evidence() -> None:
    """There is nothing to be worse than."""
    assert judged(looked_at(None, off(1.0, 1)), GATE).result is Result.PASSED


def test_such_a_gate_needs_predictions_and_a_metric_of_slices() -> None:
    """`validate` says which metrics slices have."""
    (gate,) = gates(GATE)
    assert gate.need is Need.PREDICTIONS
    with pytest.raises(DesiredStateError, match="slices are measured by mae or accuracy"):
        gates("{worst_slice: r2, max_regression: 10%}")
