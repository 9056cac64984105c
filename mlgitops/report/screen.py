"""Where text goes: to a terminal in colour and within its width, or into a pipe line by line."""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import IO, TYPE_CHECKING, Protocol

from mlgitops.words import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

Styled = tuple[str, str]  # a text and its style, in the words of rich
_GAP = "  "  # between columns


class Screen(Protocol):
    """What text is written to: a line shows as it is, whoever wrote what it says."""

    def line(self, *parts: Styled, indent: int = 0, wrap: bool = True) -> None:
        """Write a line; a terminal breaks it between words if it is to `wrap`, else at its edge."""

    def table(
        self, header: Sequence[str], rows: Sequence[Sequence[str]], *, indent: int = 0
    ) -> None:
        """Write a table without rules."""


def screen() -> Screen:
    """What standard output is."""
    if not is_terminal(sys.stdout):
        return Pipe(sys.stdout)
    from mlgitops.report.terminal import Terminal

    return Terminal(sys.stdout)


def is_terminal(stream: IO[str]) -> bool:
    """Whether a stream shows colours, or is said to."""
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


class Pipe:
    """What programs, logs and people read later: a row is a line, and nothing is folded.

    Rich would need a hundred times as long for thousands of rows, and a width to fold them to.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def line(self, *parts: Styled, indent: int = 0, wrap: bool = True) -> None:  # noqa: ARG002
        """Write a line as it is."""
        self._write(indent, plain("".join(text for text, _ in parts)))

    def table(
        self, header: Sequence[str], rows: Sequence[Sequence[str]], *, indent: int = 0
    ) -> None:
        """Write a table whose columns are as wide as their widest cells."""
        padded = [_padded(list(map(plain, cells))) for cells in zip(header, *rows, strict=True)]
        for cells in zip(*padded, strict=True):
            self._write(indent, _GAP.join(cells).rstrip())

    def _write(self, indent: int, text: str) -> None:
        self._stream.write(f"{' ' * indent}{text}\n")


def _padded(cells: Sequence[str]) -> list[str]:
    widths = [_width(cell) for cell in cells]
    widest = max(widths)
    return [cell + " " * (widest - width) for cell, width in zip(cells, widths, strict=True)]


def _width(text: str) -> int:
    """The columns that a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)
