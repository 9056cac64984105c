"""YAML text → plain data, with the line and column of every key and value.

PyYAML's constructors forget positions, keep the last of two equal keys and expand aliases
without bound. This walk over the composed nodes does none of the three.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from mlgitops.errors import DesiredStateError, Problem, Where
from mlgitops.words import one_line

if TYPE_CHECKING:
    from yaml._yaml import Mark as CMark
    from yaml.error import Mark as PyMark

    Mark = PyMark | CMark

KeyPath = tuple[Hashable, ...]

MAX_BYTES = 2 * 1024 * 1024
MAX_NODES = 200_000  # after aliases are expanded; 1,000 models take about 60,000
MAX_DEPTH = 40
_TAG = "tag:yaml.org,2002:"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Where a value stands in the text, as character offsets, and its 1-based place."""

    start: int
    end: int
    where: Where


@dataclass(frozen=True, kw_only=True)
class Document:
    """What a YAML text says and where it says it.

    Attributes:
        data: dicts, lists, strings, numbers, booleans and None.
        keys: path → the span of the key that ends the path.
        values: path → the span of the value at the path.
        problems: what is wrong although the text is YAML, e.g. duplicate keys.
    """

    file: str
    data: Any
    keys: dict[KeyPath, Span] = field(default_factory=dict)
    values: dict[KeyPath, Span] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def where(self, path: KeyPath) -> Where:
        """The place of a path's key, else of its value, else of its nearest parent."""
        while path not in self.keys and path not in self.values:
            path = path[:-1]
        span = self.keys.get(path) or self.values[path]
        return span.where


def parse(text: str, file: str) -> Document:
    """Parse one YAML document.

    Raises:
        DesiredStateError: the text is too large, is not YAML, or expands without bound.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise _error(
            file, f"is {size / 2**20:.1f} MiB, over the limit of {MAX_BYTES >> 20} MiB; split it"
        )
    root = _compose(text, file)
    if root is None:
        raise _error(file, "is empty; add the key 'models'")
    return _Walk(file).document(root)


def _compose(text: str, file: str) -> yaml.Node | None:
    _check_nesting(text, file)
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise _error(file, f"not valid YAML: {said}", mark) from error
    except yaml.YAMLError as error:
        raise _error(file, f"not valid YAML: {one_line(error)}") from error
    return node


def _check_nesting(text: str, file: str) -> None:
    """Refuse deep nesting before composing, which recurses in C without a limit."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH:
                raise _error(
                    file,
                    f"is nested more than {MAX_DEPTH} levels deep; flatten it",
                    event.start_mark,
                )
    except yaml.YAMLError:
        return  # composing reports it, with its place


def _error(file: str, message: str, mark: Mark | None = None) -> DesiredStateError:
    where = _where(file, mark) if mark else Where(file=file, line=1, column=1)
    return DesiredStateError([Problem(where=where, message=message)])


def _where(file: str, mark: Mark) -> Where:
    return Where(file=file, line=mark.line + 1, column=mark.column + 1)


class _Walk:
    """One walk over the composed nodes, filling a Document."""

    def __init__(self, file: str) -> None:
        self.out = Document(file=file, data=None)
        self.visited = 0
        self.scalars = yaml.constructor.SafeConstructor()

    def document(self, root: yaml.Node) -> Document:
        data = self.value(root, ())
        return Document(
            file=self.out.file,
            data=data,
            keys=self.out.keys,
            values=self.out.values,
            problems=self.out.problems,
        )

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.visited += 1
        if self.visited > MAX_NODES or len(path) > MAX_DEPTH:
            limits = f"{MAX_NODES:,} values or {MAX_DEPTH} levels"
            message = f"expands to more than {limits}; use fewer aliases"
            raise _error(self.out.file, message, node.start_mark)
        self.out.values[path] = self.span(node)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        return self.scalar(node, path)

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[Hashable, Any]:
        data: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in data:
                first = self.out.keys[here].where.line
                self.problem(
                    key_node, path, f"duplicate key {key!r}; it is already in line {first}"
                )
                continue
            self.out.keys[here] = self.span(key_node)
            data[key] = self.value(value_node, here)
        return data

    def key(self, node: yaml.Node, path: KeyPath) -> Hashable | None:
        if not isinstance(node, yaml.ScalarNode) or node.tag == _TAG + "null":
            self.problem(node, path, "a key must be a plain word or a number")
            return None
        if node.tag == _TAG + "merge":
            self.problem(
                node, path, "merge keys (<<) are not supported; repeat the keys, or use an alias"
            )
            return None
        key: Hashable = self.scalar(node, path)
        # True == 1 in Python: as a key, one would silently stand for the other
        return node.value if isinstance(key, bool | float) else key

    def scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if kind in ("str", "timestamp"):  # parameters must be representable in JSON
            return node.value
        if kind == "int":
            return self.integer(node, path)
        if kind in ("float", "bool", "null"):
            return self.scalars.construct_object(node)
        self.problem(node, path, f"YAML tag {node.tag} is not supported; write a plain value")
        return None

    def integer(self, node: yaml.Node, path: KeyPath) -> int:
        digits = node.value.removeprefix("-").removeprefix("+")
        plain = digits.isdecimal() and (digits == "0" or not digits.startswith("0"))
        if plain and len(digits) <= 20:
            return int(node.value)
        # YAML 1.1 reads 010 as 8 and 1:30 as 90
        self.problem(node, path, f"write {node.value[:20]!r} in plain decimal digits, or in quotes")
        return 1

    def problem(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self.out.problems.append(problem_at(path, _where(self.out.file, node.start_mark), message))

    def span(self, node: yaml.Node) -> Span:
        return Span(
            start=node.start_mark.index,
            end=node.end_mark.index,
            where=_where(self.out.file, node.start_mark),
        )


def problem_at(path: KeyPath, where: Where, message: str) -> Problem:
    """A problem whose model and stage are read off a path such as models → NAME → stages → S."""
    model = str(path[1]) if len(path) > 1 and path[0] == "models" else None
    stage = str(path[3]) if len(path) > 3 and path[2] in ("stages", "gates") else None
    return Problem(where=where, message=message, model=model, stage=stage)
