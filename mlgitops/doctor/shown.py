"""What the checks found, for people and for programs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from mlgitops.doctor.finding import Verdict
from mlgitops.report.parts import Part, Report
from mlgitops.report.schema.doctor import Doctor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlgitops.doctor.finding import Finding

_HEADER = ("result", "check", "found")


def report(findings: Sequence[Finding]) -> Report:
    """A table for each area, and how many checks passed."""
    areas = dict.fromkeys(finding.area for finding in findings)
    counted = Counter(finding.verdict for finding in findings)
    return Report(
        parts=[
            Part(title=area, header=_HEADER, rows=[_row(f) for f in findings if f.area == area])
            for area in areas
        ],
        result=", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict),
        failed=has_failed(findings),
    )


def document(findings: Sequence[Finding]) -> dict[str, Any]:
    """The same as plain data, whose form is in report.schema.json."""
    found = {"passed": not has_failed(findings), "findings": list(findings)}
    return Doctor.model_validate(found).dumped()


def has_failed(findings: Sequence[Finding]) -> bool:
    """Whether one of them failed."""
    return any(finding.verdict is Verdict.FAILED for finding in findings)


def _row(finding: Finding) -> tuple[str, str, str]:
    told = "; ".join(filter(None, (finding.found, finding.remedy)))
    return finding.verdict, finding.check, told
