"""YAML text → plain data and the places of its parts, in one pass over the parser's events.

PyYAML's own constructors forget places, keep the last of two equal keys, recurse without a limit,
and read 010 as 8.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import yaml

from mlgitops.core.desired import MODELS, PROMPTS
from mlgitops.errors import DesiredStateError, Problem, Where
from mlgitops.file import scalars
from mlgitops.file.scalars import TAG
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from yaml._yaml import Mark as CMark
    from yaml.error import Mark as PyMark

    Mark = PyMark | CMark

KeyPath = tuple["Hashable", ...]
# the node of a key, None for what stands in a list and for the whole; and that of its value
Place = tuple[int | None, int]

MAX_DEPTH = 40
MAX_ALIASED = 1_000_000  # values that aliases stand for; 20,000 models may share 50 values each
_NO_MERGE = "merge keys (<<) are not supported; repeat the keys, or use an alias"
_NO_KEY = "a key must be a plain word or a number"
_LONGEST = 2000  # characters of what is said of one problem
_UNSET = object()
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # YAML 1.1's
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _numbers() -> array[int]:
    return array("q")


@dataclass(frozen=True, slots=True)
class Nodes:
    """The keys and values of a text by number: in the order of the text, parents first.

    Three numbers a node: objects would take a gigabyte for the largest text that is read.

    Attributes:
        starts: where each begins in the text, in characters.
        ends: where it ends; a collection in block style ends behind the comments that follow it.
        nexts: the first node that is not inside it.
        aliases: an alias of YAML → the node that it stands for.
        anchors: the nodes that aliases can stand for.
        left_out: keys that are not in the data, and neither is what follows them.
    """

    starts: array[int] = field(default_factory=_numbers)
    ends: array[int] = field(default_factory=_numbers)
    nexts: array[int] = field(default_factory=_numbers)
    aliases: dict[int, int] = field(default_factory=dict)
    anchors: set[int] = field(default_factory=set)
    left_out: set[int] = field(default_factory=set)

    def within(self, collection: int, *, keys: bool) -> Iterator[Place]:
        """The keys and values of a mapping, or the values of a list."""
        node, end = collection + 1, self.nexts[collection]
        while node < end:
            value = self.nexts[node] if keys else node
            if node not in self.left_out:
                yield (node if keys else None), value
            node = self.nexts[value]


class Lines:
    """The lines of a text."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _starts(self) -> array[int]:
        return array("q", (0, *(found.end() for found in _LINE_BREAK.finditer(self._text))))

    def place(self, index: int) -> tuple[int, int]:
        """The line and the column of a character, both from 1."""
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1

    def begin(self, index: int) -> int:
        """Where the line of a character begins."""
        return index - self.place(index)[1] + 1


@dataclass(frozen=True, slots=True)
class _Anchor:
    """What an alias stands for.

    Attributes:
        size: how many keys and values, its own aliases expanded.
        height: the levels of collections in it.
    """

    node: int
    event: yaml.NodeEvent
    data: Any
    size: int
    height: int


class Reader:
    """Reads one text, once.

    Attributes:
        bom: how many characters before the first that counts: libyaml skips byte order marks.
        lines: of the text after them.
        nodes: the places of what was read.
        problems: what is wrong although the text is YAML.
    """

    def __init__(self, text: str, file: str) -> None:
        body = text.lstrip("\ufeff")
        self.bom = len(text) - len(body)
        self.lines = Lines(body)
        self.nodes = Nodes()
        self.problems: list[Problem] = []
        self._file = file
        self._loader = _Loader(body)
        self._next = self._loader.get_event
        # what is written twice is one object: that saves time and memory
        self._plain: dict[str, Any] = {}
        self._plain_keys: dict[str, Hashable] = {}
        self._anchors: dict[str, _Anchor | None] = {}
        self._path: list[Hashable] = []
        self._depth = self._deepest = self._aliased = 0

    def read(self) -> Any:
        """The data of the text.

        Raises:
            DesiredStateError: it is empty, not YAML, nested too deep, or its aliases stand for too
                much.
        """
        try:
            return self._document()
        except yaml.MarkedYAMLError as error:
            # a key without its colon is found out lines later
            begun = error.context_mark if error.context == "while scanning a simple key" else None
            mark = begun or error.problem_mark or error.context_mark
            said = ", ".join(part for part in (error.context, error.problem) if part)
            raise self._error(f"not valid YAML: {said}", mark) from error
        except yaml.YAMLError as error:
            raise self._error(f"not valid YAML: {one_line(error)}") from error

    def _document(self) -> Any:
        self._next()  # the start of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise self._error("is empty; add the key 'models'")
        data = self._value(self._next())
        self._next()  # the end of the document
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            message = "expected a single document in the stream, but found another document"
            raise self._error(f"not valid YAML: {message}", after.start_mark)
        return data

    def _value(self, event: Any) -> Any:
        if event.anchor is None:
            return self._scalar(event) if type(event) is yaml.ScalarEvent else self._written(event)
        return self._alias(event) if type(event) is yaml.AliasEvent else self._anchored(event)

    def _written(self, event: Any) -> Any:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            return self._scalar(event)
        return self._mapping(event) if kind is yaml.MappingStartEvent else self._list(event)

    def _add(self, event: Any) -> int:
        nodes = self.nodes
        number = len(nodes.starts)
        nodes.starts.append(event.start_mark.index)
        nodes.ends.append(event.end_mark.index)
        nodes.nexts.append(number + 1)
        return number

    def _mapping(self, start: Any) -> dict[Hashable, Any]:
        node = self._open(start, "map")
        data: dict[Hashable, Any] = {}
        again: list[tuple[Hashable, Mark]] = []
        path, following, value = self._path, self._next, self._value
        while type(event := following()) is not yaml.MappingEndEvent:
            number = len(self.nodes.starts)
            key = self._key(event)
            if key is None or key in data:
                again += [] if key is None else [(key, event.start_mark)]
                self.nodes.left_out.add(number)
                self._value(following())
                continue
            path.append(key)
            data[key] = value(following())
            path.pop()
        self._close(node, event)
        if again:
            places = zip(data, self.nodes.within(node, keys=True), strict=True)
            self._duplicates(again, dict(places))
        return data

    def _list(self, start: Any) -> list[Any]:
        node = self._open(start, "seq")
        data: list[Any] = []
        path, following = self._path, self._next
        while type(event := following()) is not yaml.SequenceEndEvent:
            path.append(len(data))
            data.append(self._value(event))
            path.pop()
        self._close(node, event)
        return data

    def _open(self, event: Any, kind: str) -> int:
        if event.tag not in (None, "!", TAG + kind):
            self._problem(event.start_mark, scalars.unsupported(event.tag))
        self._depth += 1
        self._deepest = max(self._deepest, self._depth)
        if self._depth > MAX_DEPTH:
            message = f"is nested more than {MAX_DEPTH} levels deep; flatten it"
            raise self._error(message, event.start_mark)
        return self._add(event)

    def _close(self, node: int, event: Any) -> None:
        self._depth -= 1
        self.nodes.ends[node] = event.end_mark.index
        self.nodes.nexts[node] = len(self.nodes.starts)

    def _key(self, event: Any) -> Hashable | None:
        """The next key of a mapping; None if it can be none, which is a problem."""
        if type(event) is not yaml.ScalarEvent or not event.implicit[0] or event.anchor is not None:
            return self._new_key(event)
        known = self._plain_keys.get(event.value)
        if known is not None:
            self._add(event)
            return known
        key = self._new_key(event)
        if key is not None and event.value in self._plain:
            self._plain_keys[event.value] = key
        return key

    def _new_key(self, event: Any) -> Hashable | None:
        anchor = self._anchors.get(str(event.anchor)) if type(event) is yaml.AliasEvent else None
        written: Any = anchor.event if anchor else event
        tag = self._tag(written) if type(written) is yaml.ScalarEvent else None
        if tag == TAG + "merge":
            self._add(event)
            self._problem(event.start_mark, _NO_MERGE)
            return None
        alone = written is event and event.anchor is None and tag is not None
        key: Hashable = self._scalar(event, tag) if alone else self._value(event)
        if tag in (None, TAG + "null"):
            self._problem(event.start_mark, _NO_KEY)
            return None
        # True == 1 in Python: as a key, one would silently stand for the other
        return str(written.value) if isinstance(key, bool | float) else key

    def _duplicates(
        self, again: list[tuple[Hashable, Mark]], places: dict[Hashable, Place]
    ) -> None:
        for key, mark in again:
            first, value = places[key]
            line, _ = self.lines.place(self.nodes.starts[value if first is None else first])
            self._problem(mark, f"duplicate key {key!r}; it is already in line {line}")

    def _scalar(self, event: Any, tag: str | None = None) -> Any:
        self._add(event)
        if not event.implicit[0]:
            return event.value if event.tag is None else self._resolved(event, tag)
        found = self._plain.get(event.value, _UNSET)
        return self._resolved(event, tag) if found is _UNSET else found

    def _resolved(self, event: Any, tag: str | None) -> Any:
        tag = tag or self._tag(event)
        try:
            value = scalars.meant(tag, event.value)
        except ValueError as error:
            self._problem(event.start_mark, str(error))
            return 1 if tag == TAG + "int" else None
        if event.implicit[0]:
            self._plain[event.value] = value
        return value

    def _tag(self, event: Any) -> str:
        if event.tag in (None, "!"):
            return str(self._loader.resolve(yaml.ScalarNode, event.value, event.implicit))
        return str(event.tag)

    def _anchored(self, event: Any) -> Any:
        name, node = event.anchor, len(self.nodes.starts)
        if name in self._anchors:
            raise self._error(f"not valid YAML: found duplicate anchor {name!r}", event.start_mark)
        self._anchors[name] = None  # while it is read, it cannot stand inside itself
        aliased, deepest = self._aliased, self._deepest
        self._deepest = self._depth
        data = self._written(event)
        self._anchors[name] = _Anchor(
            node=node,
            event=event,
            data=data,
            size=len(self.nodes.starts) - node + self._aliased - aliased,
            height=self._deepest - self._depth,
        )
        self._deepest = max(deepest, self._deepest)
        self.nodes.anchors.add(node)
        return data

    def _alias(self, event: Any) -> Any:
        mark, anchor = event.start_mark, self._anchors.get(event.anchor)
        if event.anchor not in self._anchors:
            raise self._error(f"not valid YAML: found undefined alias {event.anchor!r}", mark)
        if anchor is not None:
            self._aliased += anchor.size
            self._deepest = max(self._deepest, self._depth + anchor.height)
        if anchor is None or self._aliased > MAX_ALIASED or self._deepest > MAX_DEPTH:
            limits = f"{MAX_ALIASED:,} values or {MAX_DEPTH} levels"
            raise self._error(f"expands to more than {limits}; use fewer aliases", mark)
        self.nodes.aliases[self._add(event)] = anchor.node
        return anchor.data

    def _problem(self, mark: Mark, message: str) -> None:
        self.problems.append(problem_at(tuple(self._path), _where(self._file, mark), message))

    def _error(self, message: str, mark: Mark | None = None) -> DesiredStateError:
        where = _where(self._file, mark) if mark else Where(file=self._file, line=1, column=1)
        return DesiredStateError([Problem(where=where, message=message)])


def _where(file: str, mark: Mark) -> Where:
    return Where(file=file, line=mark.line + 1, column=mark.column + 1)


def problem_at(path: KeyPath, where: Where, message: str) -> Problem:
    """A problem whose model and stage are read off a path such as models → NAME → stages → S."""
    model = str(path[1]) if len(path) > 1 and path[0] in (MODELS, PROMPTS) else None
    stage = str(path[3]) if len(path) > 3 and path[2] in ("stages", "gates", "promote") else None
    return Problem(
        where=where,
        message=message[:_LONGEST],
        model=model and model[:_LONGEST],
        stage=stage and stage[:_LONGEST],
    )
