"""What gates said of a version that was tried, as words and tables. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.report.parts import Part, Report, gates
from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlgitops.proposal.collect import Exhibit


def report(model: str, number: int, tried: Sequence[Exhibit]) -> Report:
    """The verdicts by stage, and how many refuse the version."""
    failed = sum(len(one.failed) for one in tried)
    return Report(
        title=f"{model}: version {number}",
        parts=[_part(one) for one in tried],
        result=f"{count(failed, 'gate')} failed" if failed else "no gate refuses the version",
        failed=bool(failed),
    )


def _part(one: Exhibit) -> Part:
    old = f"against version {one.change.old}" if one.change.old else "which held nothing before"
    return gates(one.verdicts, title=f"{one.change.stage}, {old}")
