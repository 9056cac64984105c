"""What a YAML text says, and where it says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from mlgitops.errors import DesiredStateError, Problem, Where
from mlgitops.file.reader import KeyPath, Lines, Nodes, Place, Reader

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

MAX_BYTES = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the text, in characters."""

    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Document:
    """A YAML text that was read.

    Attributes:
        data: dicts, lists, strings, numbers, booleans and None; what an alias of YAML stands for
            is the same object in both places.
        problems: what is wrong although the text is YAML, e.g. duplicate keys.
    """

    file: str
    data: Any
    lines: Lines
    nodes: Nodes
    problems: list[Problem]
    _known: dict[int, dict[Hashable, Place]] = field(default_factory=dict, repr=False)

    def place(self, path: KeyPath) -> Place | None:
        """The nodes of a path's key and value; None if the text does not have the path."""
        place: Place = (None, 0)
        data = self.data
        for part in path:
            if place[1] not in self._known:
                self._known[place[1]] = self.children(place[1], data)
            found = self._known[place[1]].get(part)
            if found is None:
                return None
            place, data = found, data[part]
        return place

    def children(self, value: int, data: Any) -> dict[Hashable, Place]:
        """What is inside a value, given its node and data: key, or number in a list → place."""
        if not isinstance(data, dict | list):
            return {}
        keys = isinstance(data, dict)
        within = self.nodes.within(self.nodes.aliases.get(value, value), keys=keys)
        return dict(zip(data if keys else count(), within, strict=False))

    def where(self, path: KeyPath) -> Where:
        """The place of a path's key, else of its value, else of its nearest parent."""
        while (place := self.place(path)) is None:
            path = path[:-1]
        return self.where_is(place)

    def where_is(self, place: Place) -> Where:
        """The line and column of a key, else of its value."""
        key, value = place
        line, column = self.lines.place(self.nodes.starts[value if key is None else key])
        return Where(file=self.file, line=line, column=column)

    def key(self, path: KeyPath) -> Span:
        """Where the key stands that ends a path of this text."""
        key, _ = self._there(path)
        assert key is not None, path
        return self._span(key)

    def value(self, path: KeyPath) -> Span:
        """Where the value at a path of this text stands; of an alias, what it stands for."""
        _, value = self._there(path)
        return self._span(self.nodes.aliases.get(value, value))

    def data_at(self, path: KeyPath) -> Any:
        """What stands at a path of this text."""
        data = self.data
        for part in path:
            data = data[part]
        return data

    def below(self, path: KeyPath) -> Iterator[tuple[Span, bool]]:
        """All keys and values inside the value at a path, and whether nothing is inside them."""
        _, value = self._there(path)
        for node in range(value + 1, self.nodes.nexts[value]):
            yield self._span(node), self.nodes.nexts[node] == node + 1

    def _there(self, path: KeyPath) -> Place:
        place = self.place(path)
        assert place is not None, path
        return place

    def _span(self, node: int) -> Span:
        return Span(self.nodes.starts[node], self.nodes.ends[node])


def parse(text: str, file: str) -> Document:
    """Parse one YAML document.

    Raises:
        DesiredStateError: the text is too large, is not YAML, or expands without bound.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        limit = f"{size / 2**20:.1f} MiB, over the limit of {MAX_BYTES >> 20} MiB"
        where = Where(file=file, line=1, column=1)
        raise DesiredStateError([Problem(where=where, message=f"is {limit}; split it")])
    reader = Reader(text, file)
    data = reader.read()
    return Document(
        file=file, data=data, lines=reader.lines, nodes=reader.nodes, problems=reader.problems
    )


def plain(text: str, file: str) -> Any:
    """The data of a text, whose problems are left to others; as lenient and strict as `parse`.

    Raises:
        DesiredStateError: the text is too large, is not YAML, or expands without bound.
    """
    return parse(text, file).data
