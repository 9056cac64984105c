"""The gate on the time of a prediction."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from mlgitops.core.gate import Need, verdict
from mlgitops.gates import units
from mlgitops.gates.form import GateForm, unmeasured
from mlgitops.words import apart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlgitops.core.gate import Case, Verdict


class LatencyGate(GateForm):
    """A bound on the median time of a prediction of one row, on the machine that plans."""

    need: ClassVar[Need] = Need.PREDICTIONS
    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"max_latency": "a time in ms or s, such as 20ms"}
    )

    max_latency: Annotated[str, Field(pattern=units.LATENCY, description="ms or s, such as 20ms")]

    @property
    def most(self) -> float:
        """The bound in milliseconds."""
        return units.milliseconds(self.max_latency)

    def findings(self, stage: str) -> Iterator[tuple[str | None, str]]:  # noqa: ARG002
        """A limit that nothing meets."""
        if not self.most:
            yield "max_latency", units.unmeetable(self.max_latency)

    def judge(self, case: Case) -> Iterator[Verdict]:
        """Whether a prediction is fast enough."""
        expected = f"at most {self.max_latency} a row: the median, on the machine that plans"
        predictions = case.comparison.predictions if case.comparison else None
        if predictions is None:
            yield verdict(self.rule, False, expected, unmeasured(case))
        else:
            taken = predictions.new_cost.milliseconds
            yield verdict(
                self.rule, taken <= self.most, expected, f"{apart(taken, self.most)[0]} ms"
            )
