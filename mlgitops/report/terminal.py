"""A terminal, by rich."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mlgitops.report.text import STYLES
from mlgitops.system.outlet import coloured
from mlgitops.words import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlgitops.report.screen import Styled


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
        """Write a table, with cells folded where there is no room; known words in their colour."""
        made = Table(box=None, pad_edge=False, header_style="dim")
        for title in header:
            made.add_column(Text(plain(title)), overflow="fold")
        for row in rows:
            made.add_row(*(Text(plain(cell), style=STYLES.get(cell, "")) for cell in row))
        self._indented(made, indent)

    def _indented(self, shown: Text | Table, indent: int) -> None:
        self._console.print(Padding(shown, (0, 0, 0, indent), expand=False))
