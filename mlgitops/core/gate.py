"""Gates: what a condition to enter a stage looks at, and what it says. Pure.

A version that returns to a stage which it held before (a rollback, or the healing of drift) is
measured, but not refused: it met the gates when it entered, and going back at night must not wait
for a better model.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol

from mlgitops.core.metrics import declared, direction

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from mlgitops.core.directions import Direction
    from mlgitops.core.evidence import Comparison
    from mlgitops.core.held import HeldModel
    from mlgitops.core.plan import Change
    from mlgitops.core.version import Version

Mode = Literal["enforce", "warn"]
_NONE: Mapping[str, Verdict] = MappingProxyType({})


class Need(IntEnum):
    """How much must be read of the versions; each includes those before it."""

    NOTHING = 0
    RUN = 1  # what the run and the registry recorded
    SIGNATURE = 2
    ARTIFACT = 3  # the whole payload
    PREDICTIONS = 4  # the payload, loaded and asked


class Result(StrEnum):
    """What a gate says."""

    PASSED = "passed"
    FAILED = "failed"
    WARNED = "warned"  # it failed, and its mode is to warn
    WAIVED = "waived"  # it failed, and the version returns to a stage it held before


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What one gate says of one change, and why.

    Attributes:
        rule: the gate as models.yaml writes it.
        expected: what the rule asks for, in numbers.
        actual: what was found.
        in_time: that the version meets it later as it is, as `actual` says.
    """

    rule: str
    result: Result
    expected: str
    actual: str
    in_time: bool = False

    def __str__(self) -> str:
        return told(self.rule, self.expected, self.actual)


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """All that gates may look at. docs/evidence.md describes it for a team's own checks.

    Attributes:
        change: what happens to the stage.
        held: the model as the registry has it: its stages and their stamps.
        new: the version that is to enter the stage.
        old: the version now in the stage; None if it is empty.
        now: when the plan is made; has a time zone.
        comparison: what was measured of both; None where nothing was.
        directions: metric → which way is better, where models.yaml says it of the model.
        units: metric → its unit, likewise.
    """

    change: Change
    held: HeldModel
    new: Version
    old: Version | None
    now: datetime
    comparison: Comparison | None = None
    directions: Mapping[str, Direction] = field(default_factory=lambda: MappingProxyType({}))
    units: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def with_unit(self, value: str, metric: str) -> str:
        """An amount of a metric, in words, with its unit where models.yaml says it."""
        return " ".join(filter(None, (value, declared(metric, self.units))))

    def direction(self, metric: str) -> Direction | None:
        """Which way is better for a metric, as models.yaml or its standard name says."""
        return direction(metric, self.directions)


class Gate(Protocol):
    """A condition; `mlgitops.gates` has a file for each kind."""

    @property
    def rule(self) -> str:
        """The gate as models.yaml writes it, without its mode."""
        ...

    @property
    def mode(self) -> Mode:
        """Whether a failure refuses the change or is only shown."""
        ...

    @property
    def need(self) -> Need:
        """How much must be read of the versions for the gate to be able to pass."""
        ...

    @property
    def directions(self) -> Mapping[str, Direction]:
        """Metric → which way is better, as the gate itself says."""
        ...

    @property
    def directed(self) -> Collection[str]:
        """The metrics that it can only judge if something says which way they are better."""
        ...

    @property
    def stages(self) -> Mapping[str, str]:
        """Key → the stage that it names."""
        ...

    @property
    def for_prompts(self) -> bool:
        """Whether prompts can have it: it reads nothing that only models have."""
        ...

    def findings(self, stage: str) -> Iterator[tuple[str | None, str]]:
        """What is wrong although it is well-formed: the key, None for the gate as a whole; why."""
        ...

    def judge(self, case: Case) -> Iterator[Verdict]:
        """One verdict or more, each passed or failed."""
        ...


def told(rule: str, expected: str, actual: str) -> str:
    """What a gate asked for and what was found, in one line."""
    return f"{rule}: expected: {expected}; actual: {actual}"


def verdict(rule: str, passed: bool, expected: str, actual: str) -> Verdict:
    """A verdict that passes or fails."""
    result = Result.PASSED if passed else Result.FAILED
    return Verdict(rule=rule, result=result, expected=expected, actual=actual)


def needs(gates: Iterable[Gate]) -> Need:
    """How much must be read for all of some gates to be able to pass."""
    return max((gate.need for gate in gates), default=Need.NOTHING)


def judge(
    gates: Iterable[Gate], case: Case, known: Mapping[str, Verdict] = _NONE
) -> tuple[Verdict, ...]:
    """The verdicts of all gates, in the order of the file.

    Args:
        gates: the conditions of the stage.
        case: what they look at.
        known: rule → what the gate said before of the same case; it is not asked again.
    """
    return tuple(
        replace(said, result=_excused(gate, case)) if said.result is Result.FAILED else said
        for gate in gates
        for said in ((known[gate.rule],) if gate.rule in known else gate.judge(case))
    )


def _excused(gate: Gate, case: Case) -> Result:
    """What a failure comes to."""
    if gate.mode == "warn":
        return Result.WARNED
    return Result.WAIVED if case.change.rollback or case.change.heals else Result.FAILED
