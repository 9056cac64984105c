"""What gates look at and what they say, as immutable values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from mlgitops.core.evidence import Comparison
    from mlgitops.core.held import HeldModel
    from mlgitops.core.plan import Change
    from mlgitops.core.version import Version


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
    """

    rule: str
    result: Result
    expected: str
    actual: str


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
    """

    change: Change
    held: HeldModel
    new: Version
    old: Version | None
    now: datetime
    comparison: Comparison | None = None


def verdict(rule: str, passed: bool, expected: str, actual: str) -> Verdict:
    """A verdict that passes or fails."""
    result = Result.PASSED if passed else Result.FAILED
    return Verdict(rule=rule, result=result, expected=expected, actual=actual)
