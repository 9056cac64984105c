"""The gate on the part of the held-out rows where the new version is worst."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from mlgitops.core.gate import Need, verdict
from mlgitops.core.metrics import SLICED, score_of
from mlgitops.gates import on_rows
from mlgitops.gates.form import REGRESSION, GateForm, Regression, Text, fraction
from mlgitops.words import apart, count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlgitops.core.evidence import Slice
    from mlgitops.core.gate import Case, Verdict


class WorstSliceGate(GateForm):
    """A bound on the regression of every slice of the held-out rows, beyond noise."""

    need: ClassVar[Need] = Need.PREDICTIONS
    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"max_regression": "a number, or a percentage such as 10%"}
    )

    worst_slice: Annotated[
        Text, Field(description="the metric that slices are measured by: mae, or accuracy")
    ]
    max_regression: Annotated[Regression, Field(description=REGRESSION)]

    def findings(self, stage: str) -> Iterator[tuple[str | None, str]]:  # noqa: ARG002
        """A metric that slices do not have."""
        if score_of(self.worst_slice) not in SLICED:
            known = " or ".join(SLICED)
            yield "worst_slice", f"slices are measured by {known}, not by {self.worst_slice!r}"

    def judge(self, case: Case) -> Iterator[Verdict]:
        """Whether no slice is surely worse, and by more than the limit."""
        score = on_rows.scored(case, self.worst_slice)
        if isinstance(score, str):
            yield verdict(self.rule, False, "no slice is worse", score)
        elif case.old is None:
            yield verdict(self.rule, True, on_rows.EMPTY, "no old version")
        else:
            known = case.comparison.slices if case.comparison else ()
            found = [one for one in known if one.metric == score_of(self.worst_slice)]
            yield self._judged(found, case.old.number, case)

    def _judged(self, found: Sequence[Slice], old: int, case: Case) -> Verdict:
        said = on_rows.amount(self.max_regression, self.worst_slice, case)
        expected = f"no slice more than {said} worse than version {old}, beyond noise"
        if not found:
            return verdict(self.rule, False, expected, "not measured: the rows have no slices")
        worse = [one for one in found if one.difference.verdict == "worse" and self._exceeds(one)]
        if not worse:
            return verdict(self.rule, True, expected, f"none of {count(len(found), 'slice')}")
        worst = max(worse, key=lambda one: one.regression)
        both = case.with_unit(" → ".join(apart(worst.old, worst.new)), self.worst_slice)
        values = f"{both} ({worst.regression:.1%} worse)"
        more = f", and {count(len(worse) - 1, 'more slice')}" if len(worse) > 1 else ""
        actual = f"{worst.name}: {values} on {count(worst.rows, 'row')}{more}"
        return verdict(self.rule, False, expected, actual)

    def _exceeds(self, one: Slice) -> bool:
        limit = self.max_regression
        return one.regression > fraction(limit) if isinstance(limit, str) else one.worse > limit
