"""One HTML file that holds all that a reviewer needs: no script, nothing from elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops import words
from mlgitops.report import comparison as beside
from mlgitops.report import wording
from mlgitops.report.page import templates, web
from mlgitops.report.parts import LONG, Link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mlgitops.core.apply import Outcome
    from mlgitops.core.evidence import Comparison
    from mlgitops.core.record import Recorded
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.proposal.propose import Proposal
    from mlgitops.report.origin import Origin
    from mlgitops.report.parts import Cell, Part, Rows
    from mlgitops.report.pictures.svg import Picture

_CHARTS_AFTER = ("Text", "Metrics", "Slices")
_NARROW = 4  # columns of a table that fits beside another one
_LONG = 32  # characters of a cell that needs a line of its own in a narrow window
_PHONE = 42  # characters of a row that fits there, with the spaces between cells
_NUMBER = re.compile(r"[+-]?([\d.,]+(e[+-]\d+)?|nan|inf)%?( \([+-][\d.,]+%\)| to [+-][\d.,e+-]+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shown:
    """A comparison with its pictures, as the template takes them.

    Attributes:
        above: what was measured: headings with their tables; `below` has all others.
    """

    comparison: Comparison
    pictures: tuple[Picture, ...]
    above: list[tuple[str, list[_Table]]]
    below: list[tuple[str, list[_Table]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Table:
    """A part of a report, without columns that say nothing.

    Attributes:
        rows: what is seen at once, or opens if it is `folded`.
        rest: what opens below.
        numbers: the columns that hold nothing but numbers.
        stack: whether cells lie below each other in a narrow window; else it is scrolled there,
            as long lists of numbers are.
    """

    words: str
    header: tuple[str, ...]
    rows: Rows
    rest: Rows
    numbers: frozenset[int]
    stack: bool

    @property
    def folded(self) -> bool:
        return len(self.rows) > LONG and not self.rest

    @property
    def wide(self) -> bool:
        return self.stack or len(self.header) > _NARROW


def plan(
    proposal: Proposal,
    done: Sequence[Outcome] = (),
    progress: Callable[[str], None] = lambda _: None,
    *,
    recorded: Recorded | None = None,
    origin: Origin | None = None,
    drawn: bool = True,
) -> Iterator[str]:
    """A plan with its evidence, what became of each change, and where that is recorded.

    It comes in pieces, and pictures are made one change at a time, so that a plan of 200 changes
    need not be in memory at once.
    """

    def details() -> Iterator[tuple[int, Exhibit, _Shown | None]]:
        for index, exhibit in listed:
            progress(f"drawing {exhibit.change.model} {exhibit.change.stage}")
            found = exhibit.comparison
            shown = _shown(found, f"change-{index}", drawn=drawn) if found else None
            yield index, exhibit, shown

    # what is refused decides, and comes first
    listed = sorted(enumerate(proposal.exhibits, 1), key=lambda one: not one[1].refused)
    template = templates("mlgitops.report").get_template("plan.html")
    return template.generate(
        proposal=proposal,
        done=done,
        recorded=recorded,
        listed=listed,
        remarked=any(map(wording.remarked, proposal.exhibits)),
        facts=list(origin.facts) if origin else [],
        details=details(),
    )


def comparison(found: Comparison) -> Iterator[str]:
    """Two versions side by side, in pieces."""
    template = templates("mlgitops.report").get_template("comparison.html")
    return template.generate(title=beside.title(found), shown=_shown(found, "picture"))


def failed(lines: Iterable[str]) -> Iterator[str]:
    """Why there is nothing to report."""
    return templates("mlgitops.report").get_template("failed.html").generate(lines=lines)


def _shown(found: Comparison, key: str, *, drawn: bool = True) -> _Shown:
    said = [(name, [_table(part) for part in parts]) for name, parts in beside.sections(found)]
    return _Shown(
        comparison=found,
        pictures=_drawn(found, key) if drawn else (),
        above=[section for section in said if section[0] in _CHARTS_AFTER],
        below=[section for section in said if section[0] not in _CHARTS_AFTER],
    )


def _drawn(found: Comparison, key: str) -> tuple[Picture, ...]:
    from mlgitops.report import pictures  # a page without one needs no matplotlib

    return tuple(pictures.draw(found, key))


def _table(part: Part) -> _Table:
    seen, more = ([list(map(_cell, row)) for row in rows] for rows in part.divided)
    rows = [*seen, *more]
    columns = list(enumerate(zip(*rows, strict=True)))
    return _Table(
        words=part.words,
        header=part.header,
        rows=seen,
        rest=more,
        numbers=frozenset(i for i, cells in columns if all(map(_is_number, cells))),
        stack=any(_length(cell) > _LONG for row in rows for cell in row)
        or (len(seen) <= LONG and _width([part.header, *rows]) > _PHONE),
    )


def _width(rows: Rows) -> int:
    """The characters of a row in which each cell is as wide as the widest of its column."""
    return sum(1 + max(map(_length, cells)) for cells in zip(*rows, strict=True))


def _cell(cell: Cell) -> Cell:
    """A link as text, unless it leads to a page."""
    return str(cell) if isinstance(cell, Link) and not web(cell.url) else cell


def _length(cell: Cell) -> int:
    return len(cell.text if isinstance(cell, Link) else cell)


def _is_number(cell: Cell) -> bool:
    """Whether it is one, or stands where none is known."""
    return cell in ("", words.NONE) or bool(_NUMBER.fullmatch(str(cell)))
