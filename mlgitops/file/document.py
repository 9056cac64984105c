"""What a YAML text says, and where it says it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

from mlgitops.errors import DesiredStateError, Problem, Where
from mlgitops.file.reader import KeyPath, Lines, Nodes, Place, Reader

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)  # git's marker
MAX_BYTES = 50 * 1024 * 1024
_KNOWN = 32


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
        bom: how many characters of the text come before those that `lines` and `nodes` count.
        problems: what is wrong although the text is YAML, e.g. duplicate keys.
    """

    file: str
    data: Any
    bom: int
    lines: Lines
    nodes: Nodes
    problems: list[Problem]
    _known: dict[KeyPath, Mapping[Hashable, Place]] = field(default_factory=dict, repr=False)

    def place(self, path: KeyPath) -> Place | None:
        """The nodes of a path's key and value; None if the text does not have the path."""
        return self.children(path[:-1]).get(path[-1]) if path else (None, 0)

    def children(self, path: KeyPath) -> Mapping[Hashable, Place]:
        """What is inside the value at a path: key, or number in a list → place."""
        # the newest first to be asked again; all of a large file would take as much as its data
        known = self._known.pop(path, None) or self._children(path)
        self._known[path] = known
        if len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]
        return known

    def _children(self, path: KeyPath) -> Mapping[Hashable, Place]:
        place, data = self.place(path), self.data
        if place is None:
            return {}
        for part in path:
            data = data[part]
        return self.inside(place, data)

    def inside(self, place: Place, data: Any) -> Mapping[Hashable, Place]:
        """What is inside a value, which is `data`: key, or number in a list → place."""
        keys = isinstance(data, dict)
        if not keys and not isinstance(data, list):
            return {}
        _, value = place
        within = self.nodes.within(self.nodes.aliases.get(value, value), keys=keys)
        return dict(zip(data if keys else count(), within, strict=False))

    def where(self, path: KeyPath) -> Where:
        """The place of a path's key, else of its value, else of its nearest parent."""
        while (place := self.place(path)) is None:
            path = path[:-1]
        key, value = place
        return self._where(value if key is None else key)

    def wheres(self, places: Mapping[Hashable, Place]) -> dict[Hashable, Where]:
        """The places of all keys of a mapping, at once."""
        return {name: self._where(key or value) for name, (key, value) in places.items()}

    def _where(self, node: int) -> Where:
        line, column = self.lines.place(self.nodes.starts[node])
        return Where(file=self.file, line=line, column=column)

    def key(self, path: KeyPath) -> Span:
        """Where the key stands that ends a path of this text."""
        key, _ = self.there(path)
        assert key is not None, path
        return self._span(key)

    def written(self, path: KeyPath) -> Span:
        """Where the value at a path of this text stands."""
        _, value = self.there(path)
        return self._span(value)

    def value(self, path: KeyPath) -> Span:
        """Where the value at a path of this text stands; of an alias, what it stands for."""
        _, value = self.there(path)
        return self._span(self.nodes.aliases.get(value, value))

    def below(self, path: KeyPath) -> Iterator[tuple[Span, bool]]:
        """All keys and values inside the value at a path, and whether nothing is inside them."""
        _, value = self.there(path)
        for node in range(value + 1, self.nodes.nexts[value]):
            yield self._span(node), self.nodes.nexts[node] == node + 1

    def there(self, path: KeyPath) -> Place:
        """The nodes of the key and the value at a path of this text."""
        place = self.place(path)
        assert place is not None, path
        return place

    def _span(self, node: int) -> Span:
        return Span(self.bom + self.nodes.starts[node], self.bom + self.nodes.ends[node])


@cache
def boundary(indent: int) -> re.Pattern[str]:
    """Where a line begins that stands no deeper than this, and is neither empty nor a comment."""
    return re.compile(rf"\n(?= {{0,{indent}}}[^ #\r\n])")


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
    try:
        data = reader.read()
    except DesiredStateError as error:
        if marker := _CONFLICT.search(text):
            line = text.count("\n", 0, marker.start()) + 1
            message = "a merge left a conflict here; resolve it, and remove its markers"
            where = Where(file=file, line=line, column=1)
            raise DesiredStateError([Problem(where=where, message=message)]) from error
        raise
    return Document(
        file=file,
        data=data,
        bom=reader.bom,
        lines=reader.lines,
        nodes=reader.nodes,
        problems=reader.problems,
    )
