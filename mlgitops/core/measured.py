"""What gates said of versions that were loaded for them: kept, to judge by again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops import __version__
from mlgitops.core.gate import Need, Result, Verdict, verdict
from mlgitops.words import brief

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlgitops.core.desired import Evaluation
    from mlgitops.core.evidence import Side
    from mlgitops.core.gate import Gate
    from mlgitops.core.plan import Change

_LONGEST = 500  # characters of what a gate said


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What was measured, and with what.

    Attributes:
        old: the version in the stage; None if it was empty.
        old_digest, new_digest: of the payloads.
        engine: the version of mlgitops.
        evaluation: the held-out rows that models.yaml names; empty if it names none.
    """

    model: str
    alias: str
    old: int | None
    new: int
    old_digest: str | None
    new_digest: str
    engine: str = __version__
    evaluation: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The verdict of a gate that needed predictions, before a mode or a rollback excused it.

    Attributes:
        rule: the gate as models.yaml writes it.
        pull_request: whose check measured it; None where nobody has asked yet.
    """

    of: Subject
    rule: str
    passed: bool
    expected: str
    actual: str
    pull_request: str | None = None

    @property
    def verdict(self) -> Verdict:
        """What the gate said, and who measured it."""
        said = f"{brief(self.actual, _LONGEST)} (measured by the check of pull request "
        return verdict(
            self.rule,
            self.passed,
            brief(self.expected, _LONGEST),
            f"{said}#{self.pull_request})",
        )


def subject(
    change: Change, old: Side | None, new: Side, evaluation: Evaluation | None
) -> Subject | None:
    """What can be measured of a change; None where a payload is missing."""
    if new.artifact is None or (old is not None and old.artifact is None):
        return None
    return Subject(
        model=change.model,
        alias=change.alias,
        old=old.version.number if old else None,
        new=new.version.number,
        old_digest=old.artifact.digest if old and old.artifact else None,
        new_digest=new.artifact.digest,
        evaluation=f"{evaluation.data}: {evaluation.target}" if evaluation else "",
    )


def measured(of: Subject, gates: Iterable[Gate], said: Iterable[Verdict]) -> Iterator[Measured]:
    """What is worth keeping of verdicts on versions that predicted."""
    rules = {gate.rule for gate in gates if gate.need is Need.PREDICTIONS}
    for one in said:
        if one.rule in rules:
            yield Measured(
                of=of,
                rule=one.rule,
                passed=one.result is Result.PASSED,
                expected=one.expected,
                actual=one.actual,
            )


def known(
    of: Subject | None, gates: Iterable[Gate], checked: Iterable[Measured]
) -> Mapping[str, Verdict]:
    """The verdicts, by rule, of all gates that need predictions; none where one is missing.

    A model that one gate needs anyway is asked for all.
    """
    found = {one.rule: one.verdict for one in checked if one.of == of}
    rules = {gate.rule for gate in gates if gate.need is Need.PREDICTIONS}
    return {rule: found[rule] for rule in rules} if rules <= found.keys() else {}
