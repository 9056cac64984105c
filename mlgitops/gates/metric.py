"""The gate on a metric: a missing metric, NaN and infinity fail."""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from mlgitops.core.directions import Direction  # noqa: TC001 - files are checked against it
from mlgitops.core.gate import Need, verdict
from mlgitops.core.metrics import SCORES, score_of
from mlgitops.gates import on_rows
from mlgitops.gates.form import (
    REGRESSION,
    GateForm,
    Number,
    Percentage,
    Regression,
    Text,
    fraction,
)
from mlgitops.words import apart, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mlgitops.core.gate import Case, Verdict


class MetricGate(GateForm):
    """A bound on a metric of the version's run."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "max_regression": "a number, or a percentage such as 2%",
            "confidence": "a percentage from 50% to 99%, such as 95%",
        }
    )

    metric: Annotated[Text, Field(description="its name in MLflow")]
    min: Annotated[Number | None, Field(description="the least that passes")] = None
    max: Annotated[Number | None, Field(description="the most that passes")] = None
    max_regression: Annotated[
        Regression | None,
        Field(description=REGRESSION),
    ] = None
    confidence: Annotated[
        Percentage | None,
        Field(
            description="how sure it must be on the held-out rows that it is no worse than "
            "max_regression: 95%"
        ),
    ] = None
    better: Annotated[
        Direction | None,
        Field(description="which way is better, where the metric's name has no standard meaning"),
    ] = None

    @property
    def need(self) -> Need:
        """Predictions, where held-out rows must show how sure it is."""
        return Need.RUN if self.confidence is None else Need.PREDICTIONS

    @property
    def directions(self) -> Mapping[str, Direction]:
        """That of its metric, where it says one."""
        return {self.metric: self.better} if self.better else {}

    @property
    def directed(self) -> Collection[str]:
        """Its metric, if that must not regress."""
        return () if self.max_regression is None else (self.metric,)

    def findings(self, stage: str) -> Iterator[tuple[str | None, str]]:  # noqa: ARG002
        """Bounds that are missing or contradict each other."""
        if self.min is None and self.max is None and self.max_regression is None:
            yield (
                None,
                f"gate on {self.metric!r} has no bound; add min, max or max_regression",
            )
        if self.min is not None and self.max is not None and self.min > self.max:
            yield None, f"gate on {self.metric!r} can never pass: min is greater than max"
        if self.confidence is not None:
            yield from self._confident()

    def _confident(self) -> Iterator[tuple[str | None, str]]:
        assert self.confidence is not None
        if not 0.5 <= fraction(self.confidence) <= 0.99:
            yield "confidence", f"confidence {self.confidence} is not from 50% to 99%"
        if self.max_regression is None:
            yield "confidence", "confidence is that of max_regression; add it, or remove confidence"
        if self.min is not None or self.max is not None:
            yield None, "min and max have no confidence; put them into a gate of their own"
        if score_of(self.metric) is None:
            known = ", ".join(SCORES)
            yield "metric", f"held-out rows do not give {self.metric!r}; they give {known}"

    def judge(self, case: Case) -> Iterator[Verdict]:
        """One verdict for each bound."""
        value = _finite(case.new.metrics, self.metric)
        if self.min is not None:
            passed = value is not None and value >= self.min
            said = f"at least {case.with_unit(f'{self.min:g}', self.metric)}"
            shown = _shown(case, self.metric, self.min)
            yield verdict(f"{self.metric} min {self.min:g}", passed, said, shown)
        if self.max is not None:
            passed = value is not None and value <= self.max
            said = f"at most {case.with_unit(f'{self.max:g}', self.metric)}"
            shown = _shown(case, self.metric, self.max)
            yield verdict(f"{self.metric} max {self.max:g}", passed, said, shown)
        if self.max_regression is not None and self.confidence is not None:
            yield on_rows.bounded(
                case,
                metric=self.metric,
                way=self._way(case),
                limit=self.max_regression,
                confidence=self.confidence,
                rule=self.rule,
            )
        elif self.max_regression is not None:
            yield self._regression(self.max_regression, value, case)

    def _way(self, case: Case) -> Direction | None:
        return self.better or case.direction(self.metric)

    def _regression(self, limit: float | str, value: float | None, case: Case) -> Verdict:
        text = limit if isinstance(limit, str) else f"{limit:g}"
        rule = f"{self.metric} max_regression {text}"
        if case.old is None:
            expected = "recorded; the stage is empty, so there is nothing to compare with"
            return verdict(rule, value is not None, expected, _shown(case, self.metric))
        present = _finite(case.old.metrics, self.metric)
        if present is None:
            what = f"version {case.old.number} has no usable {self.metric} to compare with"
            return verdict(rule, False, what, _shown(case, self.metric))
        allowed = abs(present) * fraction(limit) if isinstance(limit, str) else limit
        lower = self._way(case) == "lower"
        bound = present + allowed if lower else present - allowed
        passed = value is not None and (value <= bound if lower else value >= bound)
        word = "at most" if lower else "at least"
        said, had, *_ = apart(bound, present, *([] if value is None else [value]))
        bounded = case.with_unit(said, self.metric)
        expected = f"{word} {bounded} (version {case.old.number} has {had})"
        return verdict(rule, passed, expected, _shown(case, self.metric, bound))


def _finite(metrics: Mapping[str, float], name: str) -> float | None:
    value = metrics.get(name)
    # MLflow's database has no infinity: it stores the largest number instead
    usable = value is not None and abs(value) < sys.float_info.max
    return value if usable else None


def _shown(case: Case, name: str, *bound: float) -> str:
    """What was recorded, in digits that tell it from the bound."""
    metrics = case.new.metrics
    if name in metrics:
        return case.with_unit(apart(metrics[name], *bound)[0], name)
    near = nearest(name, metrics)
    return f"not recorded; did you mean {near!r}?" if near else "not recorded"
