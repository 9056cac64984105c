"""What can be read on a page."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

VOID = {"meta", "link", "br", "img", "hr"}


class Page(HTMLParser):
    """A page as its elements: tags with attributes, and the texts between them."""

    def __init__(self, pieces: Iterable[str]) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed("".join(pieces))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """See HTMLParser."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """See HTMLParser."""
        if "style" not in self._open:
            self.words += data.split()

    @property
    def text(self) -> str:
        """All that can be read, with single spaces."""
        return " ".join(self.words)

    def attributes(self, name: str) -> list[str]:
        """The values of an attribute, wherever it is."""
        return [value for _, found in self.tags if (value := found.get(name)) is not None]
