"""Gates on a regression that must be sure: what held-out rows show, beyond noise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from mlgitops.core import gate as gating
from mlgitops.core.evidence import Comparison, Cost, Predictions, Series, Side
from mlgitops.core.gate import Need, Result
from mlgitops.core.metrics import differences
from mlgitops.core.version import Version
from mlgitops.errors import DesiredStateError
from tests.gates.cases import case, gates, measured

TRUE = np.random.default_rng(3).normal(100, 20, 1000)
NEW, OLD = (Version(number=number, status="READY") for number in (2, 1))


def off(size: float, seed: int, rows: int = len(TRUE)) -> np.ndarray:
    """Predictions that are so far off."""
    return TRUE[:rows] + np.random.default_rng(seed).normal(0, size, rows)


def looked_at(
    old: np.ndarray | None, new: np.ndarray, actual: np.ndarray | None = TRUE, metric: str = "mae"
) -> gating.Case:
    """A case whose versions predicted so; with the mean absolute error as the metric's score."""

    def score(said: np.ndarray | None) -> dict[str, float]:
        known = said is not None and actual is not None
        return {metric: float(abs(said - actual).mean())} if known else {}  # type: ignore[operator]

    comparison = Comparison(
        model="wind",
        new=Side(label="version 2", version=NEW),
        predictions=Predictions(
            kind="regression",
            source="rows of an example",
            series=Series(labels=(), old=old, new=new, actual=actual),
            new_cost=Cost(milliseconds=1.0, mebibytes=1.0),
            scores=differences(score(old), score(new)),
        ),
    )
    version = None if old is None else OLD
    return replace(case(), new=NEW, old=version, comparison=comparison)


def judged(looked_at: gating.Case, gate: str = "") -> gating.Verdict:
    """What the gate says, which is 2% with 95% confidence if nothing else is said."""
    text = gate or "{metric: test_mae, max_regression: 2%, confidence: 95%}"
    (verdict,) = gating.judge(gates(text), looked_at)
    assert verdict.rule == gates(text)[0].rule
    return verdict


@pytest.mark.parametrize(
    ("new", "result"),
    [
        (off(10.0, 1), Result.PASSED),  # the same predictions
        (off(9.0, 2), Result.PASSED),  # clearly better
        (off(10.1, 2), Result.FAILED),  # about the same, but it may be 2% worse
        (off(12.0, 2), Result.FAILED),
    ],
)
def test_it_passes_only_if_the_bound_keeps_the_regression_within_the_limit(
    new: np.ndarray, result: Result
) -> None:
    """A regression that is within the limit only on the mean is not enough."""
    assert judged(looked_at(off(10.0, 1), new)).result is result


def test_it_says_what_is_known() -> None:
    """In percent, or in the metric's unit where the limit is; either way."""
    verdict = judged(looked_at(off(10.0, 1), off(12.0, 2)))
    assert verdict.rule == "metric test_mae max_regression 2% confidence 95%"
    assert verdict.expected == "at most 2% worse than version 1, with 95% confidence"
    assert verdict.actual.startswith("at most ")
    assert verdict.actual.endswith("% worse on 1,000 rows")
    better = judged(looked_at(off(10.0, 1), off(5.0, 2)))
    assert better.actual.startswith("at least ")
    assert better.actual.endswith("% better on 1,000 rows")
    unit = "{metric: mae, max_regression: 3, confidence: 99%}"
    found = judged(looked_at(off(10.0, 1), off(12.0, 2)), unit)
    assert (found.result, found.expected) == (
        Result.PASSED,
        "at most 3 worse than version 1, with 99% confidence",
    )
    assert 1.6 < float(found.actual.split()[2]) < 3


def test_more_confidence_asks_for_more() -> None:
    """A version that passes at 80% can fail at 99%."""
    found = looked_at(off(10.0, 1), off(10.0, 2))
    limit = "{{metric: mae, max_regression: {limit}, confidence: {level}}}"
    bounds = [
        float(judged(found, limit.format(limit=9, level=level)).actual.split()[2])
        for level in ("80%", "95%", "99%")
    ]
    assert bounds == sorted(set(bounds))
    between = sum(bounds[1:]) / 2
    said = [judged(found, limit.format(limit=between, level=p)).result for p in ("95%", "99%")]
    assert said == [Result.PASSED, Result.FAILED]


def test_a_higher_metric_is_bounded_from_below() -> None:
    """R² may fall by so much at most."""
    gate = "{metric: test_r2, max_regression: 5%, confidence: 95%}"
    found = [judged(looked_at(off(5.0, 1), off(s, 2), metric="r2"), gate) for s in (5.2, 9.0)]
    assert [one.result for one in found] == [Result.PASSED, Result.FAILED]


def test_too_few_rows_fail_with_the_reason() -> None:
    """Also where the predictions are the same."""
    rows = TRUE[:99]
    verdict = judged(looked_at(off(1, 1, 99), off(1, 1, 99), rows))
    assert (verdict.result, verdict.actual) == (
        Result.FAILED,
        "too few rows: 99; a bound needs 100",
    )


@pytest.mark.parametrize(
    ("looked_at", "why"),
    [
        (case(), "not measured: no evidence was collected"),
        (case(comparison=measured(trouble="no rows")), "not measured: no rows"),
        (
            looked_at(off(1, 1), off(1, 2), None),
            "not measured: the true values of rows of an example are not known",
        ),
        (
            looked_at(off(1, 1), off(1, 2), metric="accuracy"),
            "not measured: the rows give accuracy, not test_mae",
        ),
        (
            looked_at(off(1, 1) * math.nan, off(1, 2)),
            "mae of both is not known on these rows",
        ),
    ],
)
def test_a_metric_that_rows_do_not_give_fails_with_the_reason(
    looked_at: gating.Case, why: str
) -> None:
    """Nothing is assumed of what nobody measured."""
    verdict = judged(replace(looked_at, new=NEW, old=OLD))
    assert (verdict.result, verdict.actual) == (Result.FAILED, why)


def test_an_empty_stage_asks_only_for_the_evidence() -> None:
    """There is nothing to be worse than."""
    found = judged(looked_at(None, off(1.0, 1)))
    assert (found.result, found.expected) == (
        Result.PASSED,
        "measured; the stage is empty, so there is nothing to compare with",
    )
    assert judged(replace(case(), old=None)).result is Result.FAILED
    assert judged(looked_at(None, off(1, 1) * math.nan)).result is Result.FAILED


def test_such_a_gate_needs_predictions() -> None:
    """One without confidence reads what the runs recorded."""
    sure, plain = gates(
        "{metric: mae, max_regression: 2%, confidence: 95%}", "{metric: mae, max_regression: 2%}"
    )
    assert (sure.need, plain.need) == (Need.PREDICTIONS, Need.RUN)


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("{metric: mae, max_regression: 2%, confidence: 100%}", "100% is not from 50% to 99%"),
        ("{metric: mae, max_regression: 2%, confidence: 5%}", "5% is not from 50% to 99%"),
        ("{metric: mae, max_regression: 2%, confidence: high}", "from 50% to 99%, such as 95%"),
        ("{metric: mae, min: 2, confidence: 95%}", "confidence is that of max_regression"),
        (
            "{metric: mae, max: 2, max_regression: 2%, confidence: 95%}",
            "put them into a gate of their own",
        ),
        (
            "{metric: test_log_loss, max_regression: 2%, confidence: 95%}",
            "do not give 'test_log_loss'; they give mae, rmse, r2, accuracy, f1_macro",
        ),
    ],
)
def test_what_can_never_be_sure_is_an_error_offline(gate: str, said: str) -> None:
    """`validate` finds it, and says what to write."""
    with pytest.raises(DesiredStateError, match=said):
        gates(gate)
