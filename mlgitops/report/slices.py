"""Where the new version is worse or better than on all rows, as a table. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.report import wording
from mlgitops.report.parts import Part
from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlgitops.core.evidence import Comparison, Slice

_WORSE = 10  # rows of the table
_BETTER = 3


def part(comparison: Comparison) -> Part:
    """The slices that are worse, the worst first; then those that are better by most."""
    found = comparison.slices
    if not found:
        return Part()
    worse, better = _worse(found), _better(found)
    told = telling(found)
    left = len(worse) + len(better) - len(told)
    alike = len(found) - len(worse) - len(better)
    words = (
        f"the new version is worse on {len(worse)} of {count(len(found), 'slice')} of these rows, "
        f"better on {len(better)} and about the same on {alike}"
    )
    if told:
        words += f"; {count(left, 'more slice')} in JSON:" if left else ":"
    level = found[0].interval.level
    header = (
        f"{comparison.titled(found[0].metric)} where",
        "rows",
        *("old", "new", "difference"),
        f"{level:.0%} interval of all",
        "",
    )
    return Part(words=words, header=header, rows=[_row(one) for one in told])


def telling(found: Sequence[Slice]) -> list[Slice]:
    """Those that are worst, the worst first; then those that are best."""
    return [*_worse(found)[:_WORSE], *_better(found)[: -_BETTER - 1 : -1]]


def _worse(found: Sequence[Slice]) -> list[Slice]:
    return [one for one in found if one.difference.verdict == "worse"]


def _better(found: Sequence[Slice]) -> list[Slice]:
    return [one for one in found if one.difference.verdict == "better"]


def _row(one: Slice) -> list[str]:
    difference = one.difference
    return [
        one.name,
        f"{one.rows:,}",
        *wording.sides(one.old, one.new),
        wording.difference(difference),
        wording.interval(one.interval),
        difference.verdict,
    ]
