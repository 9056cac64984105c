"""A terminal, by rich."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mlgitops.report.text import STYLES
from mlgitops.system.outlet import coloured
from mlgitops.words import NONE, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlgitops.report.screen import Styled

_GAP = 2  # columns between two cells


class Terminal:
    """Colours, and no line longer than the terminal is wide."""

    def __init__(self, stream: IO[str], *, width: int | None = None) -> None:
        self._console = Console(file=coloured(stream), width=width, highlight=False)

    def line(self, *parts: Styled, indent: int = 0, wrap: bool = True) -> None:
        """Write a line."""
        text = Text.assemble(*((plain(text), style) for text, style in parts))
        if indent:
            self._indented(text, indent)
        else:
            self._console.print(text, soft_wrap=not wrap)

    def table(
        self, header: Sequence[str], rows: Sequence[Sequence[str]], *, indent: int = 0
    ) -> None:
        """Write a table, known words in their colour; a list where it would break words."""
        shown = [[plain(cell) for cell in row] for row in (header, *rows)]
        room = self._console.width - indent
        widths = fitted(list(zip(*shown, strict=True)), room - _GAP * (len(header) - 1))
        if widths is None:
            for row in shown[1:]:
                for line in _listed(shown[0], row, room):
                    self._indented(line, indent)
            return
        made = Table(box=None, pad_edge=False, header_style="dim")
        for title, width in zip(shown[0], widths, strict=True):
            made.add_column(Text(title), width=width, overflow="fold")
        for row in shown[1:]:
            made.add_row(*map(_cell, row))
        self._indented(made, indent)

    def _indented(self, shown: Text | Table, indent: int) -> None:
        self._console.print(Padding(shown, (0, 0, 0, indent), expand=False))


def fitted(columns: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """The widths of columns that together take at most `room` and break no word.

    The widest columns give way first.

    Args:
        columns: the cells of each, its title among them.
        room: columns of the terminal.

    Returns:
        None if there are no such widths.
    """
    widest = [max(map(cell_len, column)) for column in columns]
    words = [
        max((cell_len(word) for cell in one for word in cell.split()), default=0) for one in columns
    ]
    for most in range(min(max(widest), room), -1, -1):
        widths = [max(word, min(width, most)) for word, width in zip(words, widest, strict=True)]
        if sum(widths) <= room:
            return widths
    return None


def _listed(header: Sequence[str], row: Sequence[str], room: int) -> Iterator[Text]:
    """A row as lines of `title value`, none of them broken; what has no value is left out."""
    line = Text()
    for title, cell in zip(header, row, strict=True):
        if cell in ("", NONE):
            continue
        pair = Text.assemble((f"{title} " if title else "", "dim"), _cell(cell))
        if line and line.cell_len + _GAP + pair.cell_len > room:
            yield line
            line = Text(" " * _GAP)
        elif line:
            line.append(" " * _GAP)
        line.append_text(pair)
    yield line


def _cell(text: str) -> Text:
    return Text(text, style=STYLES.get(text, ""))
