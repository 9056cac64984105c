"""One HTML file that holds all that a reviewer needs: no script, nothing from elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mlgitops import words
from mlgitops.report import comparison as beside
from mlgitops.report import wording
from mlgitops.report.parts import Code, Link
from mlgitops.system import secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from mlgitops.core.apply import Outcome
    from mlgitops.core.evidence import Comparison
    from mlgitops.core.record import Recorded
    from mlgitops.proposal.collect import Exhibit
    from mlgitops.proposal.propose import Proposal
    from mlgitops.report.parts import Cell, Part, Rows
    from mlgitops.report.pictures.svg import Picture

# a word is never told from another by its colour alone, nor only by reading it
_MARKS = {
    **dict.fromkeys(("better", "passed", "applied"), "✓ "),
    **dict.fromkeys(("worse", "failed", "half done", beside.BREAKS), "✗ "),
}
_CHARTS_AFTER = ("Text", "Metrics", "Slices")
_FOLDED = 8  # rows that are shown at once, where nobody has chosen some
_NARROW = 4  # columns of a table that fits beside another one
_LONG = 32  # characters of a cell that needs a line of its own in a narrow window
_NUMBER = re.compile(r"[+-]?([\d.,]+(e[+-]\d+)?|nan|inf)%?( \([+-][\d.,]+%\)| to [+-][\d.e+-]+)?")


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
        stack: whether cells lie below each other in a narrow window.
    """

    words: str
    header: tuple[str, ...]
    rows: Rows
    rest: Rows
    numbers: frozenset[int]
    stack: bool

    @property
    def folded(self) -> bool:
        return len(self.rows) > _FOLDED and not self.rest

    @property
    def wide(self) -> bool:
        return self.stack or len(self.header) > _NARROW


def plan(
    proposal: Proposal,
    done: Sequence[Outcome] = (),
    progress: Callable[[str], None] = lambda _: None,
    *,
    recorded: Recorded | None = None,
    drawn: bool = True,
) -> Iterator[str]:
    """A plan with its evidence, what became of each change, and where that is recorded.

    It comes in pieces, and pictures are made one change at a time, so that a plan of 200 changes
    need not be in memory at once.
    """

    def details() -> Iterator[tuple[Exhibit, _Shown | None]]:
        for index, exhibit in enumerate(proposal.exhibits, start=1):
            progress(f"drawing {exhibit.change.model} {exhibit.change.stage}")
            found = exhibit.comparison
            yield exhibit, _shown(found, f"change-{index}", drawn=drawn) if found else None

    template = _environment().get_template("plan.html")
    return template.generate(proposal=proposal, done=done, recorded=recorded, details=details())


def comparison(found: Comparison) -> Iterator[str]:
    """Two versions side by side, in pieces."""
    template = _environment().get_template("comparison.html")
    return template.generate(title=beside.title(found), shown=_shown(found, "picture"))


def failed(lines: Iterable[str]) -> Iterator[str]:
    """Why there is nothing to report."""
    return _environment().get_template("failed.html").generate(lines=lines)


def _shown(found: Comparison, key: str, *, drawn: bool = True) -> _Shown:
    nothing = {"", words.NONE} if found.old is None else {""}
    said = [
        (name, [_table(part, nothing) for part in parts]) for name, parts in beside.sections(found)
    ]
    return _Shown(
        comparison=found,
        pictures=_drawn(found, key) if drawn else (),
        above=[section for section in said if section[0] in _CHARTS_AFTER],
        below=[section for section in said if section[0] not in _CHARTS_AFTER],
    )


def _drawn(found: Comparison, key: str) -> tuple[Picture, ...]:
    from mlgitops.report import pictures  # a page without one needs no matplotlib

    return tuple(pictures.draw(found, key))


def _table(part: Part, nothing: Collection[Cell]) -> _Table:
    """A part without the columns that hold `nothing` in every row."""
    said = [i for i in range(len(part.header)) if any(row[i] not in nothing for row in part.rows)]
    rows = [[_cell(row[i]) for i in said] for row in part.rows]
    chosen = [part.brief is None or row in part.brief for row in part.rows]
    columns = list(enumerate(zip(*rows, strict=True)))
    return _Table(
        words=part.words,
        header=tuple(part.header[i] for i in said),
        rows=[row for row, first in zip(rows, chosen, strict=True) if first],
        rest=[row for row, first in zip(rows, chosen, strict=True) if not first],
        numbers=frozenset(i for i, cells in columns if all(map(_is_number, cells))),
        stack=any(not _is_short(cell) for row in rows for cell in row),
    )


def _cell(cell: Cell) -> Cell:
    """A link as text, unless it leads to a page."""
    return str(cell) if isinstance(cell, Link) and not _web(cell.url) else cell


def _is_short(cell: Cell) -> bool:
    return len(cell.text if isinstance(cell, Link) else cell) <= _LONG


def _is_number(cell: Cell) -> bool:
    """Whether it is one, or stands where none is known."""
    return cell in ("", words.NONE) or bool(_NUMBER.fullmatch(str(cell)))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("mlgitops.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(wording=wording, NONE=words.NONE)
    made.filters.update(mark=_mark, web=_web, svg=_svg)
    made.tests.update(code=_is_code, link=_is_link, marked=_is_marked)
    return made


def _plain(value: object) -> object:
    """Text from a registry without secrets, nor what steers how it is read, such as directions."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return words.plain(secrets.hidden(value))


def _mark(word: str) -> str:
    return _MARKS.get(word, "")


def _is_marked(cell: Cell) -> bool:
    return cell in _MARKS


def _is_code(cell: Cell) -> bool:
    return isinstance(cell, Code)


def _is_link(cell: Cell) -> bool:
    return isinstance(cell, Link)


def _web(link: str | None) -> str | None:
    """A link if it leads to a page; text of a registry might name a script."""
    return link if link and link.startswith(("https://", "http://")) else None


def _svg(picture: Picture) -> Markup:
    return Markup(picture.svg)  # noqa: S704 - made by matplotlib, which escapes all text
