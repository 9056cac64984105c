"""What reports are made of, the same for a terminal and for GitHub."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.core.gate import Verdict


class Code(str):
    """Text whose letters must have equal widths."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """An address, and what it is called where addresses can be hidden."""

    text: str
    url: str

    def __str__(self) -> str:
        return self.url


Cell = str | Link
Rows = Sequence[Sequence[Cell]]
LONG = 8  # rows; where more are seen at once and nobody has chosen some, they open


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A title, words in one line, a table, or several; a table without rows is not shown.

    `brief` are the rows for a terminal, if they are others.
    """

    title: str = ""
    words: str = ""
    header: tuple[str, ...] = ()
    rows: Rows = ()
    brief: Rows | None = None

    def without(self, nothing: Collection[Cell]) -> Part:
        """The same without the columns that hold nothing in every row."""
        every = [*self.rows, *(self.brief or ())]
        said = [
            at for at in range(len(self.header)) if any(row[at] not in nothing for row in every)
        ]
        if not every or len(said) == len(self.header):
            return self
        return replace(
            self,
            header=tuple(self.header[at] for at in said),
            rows=[[row[at] for at in said] for row in self.rows],
            brief=None if self.brief is None else [[row[at] for at in said] for row in self.brief],
        )

    @property
    def divided(self) -> tuple[Rows, Rows]:
        """The rows that are seen at once where others can open, and those others."""
        if self.brief is None:
            return self.rows, ()
        chosen = [row in self.brief for row in self.rows]
        first = [row for row, seen in zip(self.rows, chosen, strict=True) if seen]
        return first, [row for row, seen in zip(self.rows, chosen, strict=True) if not seen]


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What a verb shows.

    `result` is what a test came to: the first line for GitHub, and the last one on a terminal, next
    to the prompt.
    """

    title: str = ""
    warnings: Sequence[str] = ()
    parts: Sequence[Part] = ()
    result: str = ""
    failed: bool = False


def table(header: tuple[str, ...], rows: Rows, *, empty: str) -> Report:
    """One table, and what is said if it has no rows."""
    return Report(parts=[Part(words="" if rows else empty, header=header, rows=rows)])


def gates(verdicts: Iterable[Verdict], *, title: str = "") -> Part:
    """What gates said."""
    rows = [[v.result.value, v.rule, v.expected, v.actual] for v in verdicts]
    return Part(title=title, header=("gate", "rule", "expected", "actual"), rows=rows)
