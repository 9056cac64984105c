"""How much worse a version is on the rows that both versions scored, for gates that ask."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlgitops.core.gate import verdict
from mlgitops.core.metrics import score_of
from mlgitops.gates.form import fraction, unmeasured
from mlgitops.words import listed, number

if TYPE_CHECKING:
    from mlgitops.core.directions import Direction
    from mlgitops.core.gate import Case, Verdict
    from mlgitops.core.metrics import Difference

EMPTY = "measured; the stage is empty, so there is nothing to compare with"


def bounded(
    case: Case,
    *,
    metric: str,
    way: Direction | None,
    limit: float | str,
    confidence: str,
    rule: str,
) -> Verdict:
    """Whether a metric is surely at most so much worse than in the stage.

    Args:
        case: what the gate looks at.
        metric: as runs record it.
        way: which way is better.
        limit: an amount in the metric's unit, or a percentage such as `2%`.
        confidence: how sure, such as `95%`.
        rule: the gate as models.yaml writes it.
    """
    from mlgitops.review import bootstrap  # not where models.yaml is only read

    score = scored(case, metric)
    if case.old is None:
        known = not isinstance(score, str) and score.new is not None and math.isfinite(score.new)
        return verdict(rule, known, EMPTY, _said(score, metric, case))
    worse = amount(limit, metric, case)
    expected = f"at most {worse} worse than version {case.old.number}, with {confidence} confidence"
    predictions = case.comparison.predictions if case.comparison else None
    if isinstance(score, str) or predictions is None:
        return verdict(rule, False, expected, _said(score, metric, case))
    rows = len(predictions.series.new)
    if rows < bootstrap.ENOUGH:
        why = f"too few rows: {rows}; a bound needs {bootstrap.ENOUGH}"
        return verdict(rule, False, expected, why)
    found = bootstrap.draws(score.metric, predictions.series)
    if found is None:
        return verdict(rule, False, expected, f"{score.metric} of both is not known on these rows")
    relative = isinstance(limit, str)
    bound = found.bound(lower=way == "lower", relative=relative, level=fraction(confidence))
    most = fraction(limit) if isinstance(limit, str) else limit
    said = f"{abs(bound) * 100:.3g}%" if relative else case.with_unit(number(abs(bound)), metric)
    worse = f"at most {said} worse" if bound >= 0 else f"at least {said} better"
    return verdict(rule, bound <= most, expected, f"{worse} on {rows:,} rows")


def amount(limit: float | str, metric: str, case: Case) -> str:
    """A limit of a regression, in words."""
    return limit if isinstance(limit, str) else case.with_unit(f"{limit:g}", metric)


def scored(case: Case, metric: str) -> Difference | str:
    """The score on the rows that a recorded metric is, or why there is none."""
    from mlgitops.review import bootstrap

    predictions = case.comparison.predictions if case.comparison else None
    if predictions is None:
        return unmeasured(case)
    if not predictions.scores:
        return f"not measured: the true values of {predictions.source} are not known"
    given = {one.metric: one for one in predictions.scores if one.metric in bootstrap.MEASURES}
    found = given.get(score_of(metric) or "")
    return found or f"not measured: the rows give {listed(sorted(given))}, not {metric}"


def _said(score: Difference | str, metric: str, case: Case) -> str:
    if isinstance(score, str):
        return score
    return f"{case.with_unit(number(score.new), metric)} on the rows"
