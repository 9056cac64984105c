"""The gate on a metric: a missing metric, NaN and infinity fail."""

from __future__ import annotations

import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Discriminator, Field, Tag

from mlgitops.core.directions import Direction  # noqa: TC001 - files are checked against it
from mlgitops.core.gate import verdict
from mlgitops.gates.form import GateForm, Number, Text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mlgitops.core.gate import Case, Verdict

# a union's tag stands in an error's location; "<" keeps it apart from every key of the file
_Regression = Annotated[
    Annotated[float, Field(ge=0, allow_inf_nan=False), Tag("<number>")]
    | Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?%$"), Tag("<percent>")],
    Discriminator(lambda value: "<percent>" if isinstance(value, str) else "<number>"),
]


class MetricGate(GateForm):
    """A bound on a metric of the version's run."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"max_regression": "a number, or a percentage such as 2%"}
    )

    metric: Text
    min: Number | None = None
    max: Number | None = None
    max_regression: Annotated[
        _Regression | None,
        Field(description="how much worse than the version now in the stage: 0.5, or 2%"),
    ] = None
    better: Annotated[
        Direction | None,
        Field(description="which way is better, where the metric's name has no standard meaning"),
    ] = None

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

    def judge(self, case: Case) -> Iterator[Verdict]:
        """One verdict for each bound."""
        value = _finite(case.new.metrics, self.metric)
        shown = _shown(case.new.metrics, self.metric)
        if self.min is not None:
            passed = value is not None and value >= self.min
            yield verdict(
                f"{self.metric} min {self.min:g}", passed, f"at least {self.min:g}", shown
            )
        if self.max is not None:
            passed = value is not None and value <= self.max
            yield verdict(f"{self.metric} max {self.max:g}", passed, f"at most {self.max:g}", shown)
        if self.max_regression is not None:
            yield self._regression(self.max_regression, value, shown, case)

    def _regression(
        self, limit: float | str, value: float | None, shown: str, case: Case
    ) -> Verdict:
        text = limit if isinstance(limit, str) else f"{limit:g}"
        rule = f"{self.metric} max_regression {text}"
        if case.old is None:
            expected = "recorded; the stage is empty, so there is nothing to compare with"
            return verdict(rule, value is not None, expected, shown)
        present = _finite(case.old.metrics, self.metric)
        if present is None:
            what = f"version {case.old.number} has no usable {self.metric} to compare with"
            return verdict(rule, False, what, shown)
        allowed = abs(present) * _fraction(limit) if isinstance(limit, str) else limit
        lower = (self.better or case.direction(self.metric)) == "lower"
        bound = present + allowed if lower else present - allowed
        passed = value is not None and (value <= bound if lower else value >= bound)
        word = "at most" if lower else "at least"
        expected = f"{word} {bound:.6g} (version {case.old.number} has {present:.6g})"
        return verdict(rule, passed, expected, shown)


def _fraction(percent: str) -> float:
    return float(percent.removesuffix("%")) / 100


def _finite(metrics: Mapping[str, float], name: str) -> float | None:
    value = metrics.get(name)
    # MLflow's database has no infinity: it stores the largest number instead
    usable = value is not None and abs(value) < sys.float_info.max
    return value if usable else None


def _shown(metrics: Mapping[str, float], name: str) -> str:
    return f"{metrics[name]:.6g}" if name in metrics else "not recorded"
