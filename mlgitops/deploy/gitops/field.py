"""The one value of a team's own YAML file that mlgitops writes; every other byte stays. Pure."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

from mlgitops.errors import EditError
from mlgitops.file.document import Document, parse
from mlgitops.file.edit import replacing
from mlgitops.words import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.deployments import Field
    from mlgitops.file.document import Span
    from mlgitops.file.reader import KeyPath

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REFERENCE = re.compile(rf"[^\s@]+@{DIGEST.pattern}")


class _Found(NamedTuple):
    """Where the value is, what it is, and the document around it."""

    document: Document
    path: KeyPath
    value: Any


def digest_in(text: str, field: Field) -> str:
    """The image's digest that a file of the team has now; empty if its value is empty.

    Raises:
        DesiredStateError: it is not YAML.
        EditError: it has no such value, or one that is no digest.
    """
    value = _found(text, field).value
    said = DIGEST.search(value) if isinstance(value, str) else None
    return said[0] if said else ""


def with_image(text: str, field: Field, image: str) -> str:
    """The file with another image's digest.

    A value that is a whole reference by digest, NAME@sha256:…, gets the whole new one.

    Args:
        text: of the file.
        field: where the value is.
        image: NAME@sha256:….

    Raises:
        DesiredStateError: it is not YAML.
        EditError: it has no such value, one that is no digest, or one that cannot be edited in
            place.
    """
    document, path, before = _found(text, field)
    whole = isinstance(before, str) and _REFERENCE.fullmatch(before) is not None
    after = image if whole else image.rpartition("@")[2]
    if before == after:
        return text
    span = document.written(path)
    edited = replacing(text, [(span, _styled(text, span, after))])
    expected = deepcopy(document.data)
    _parent(expected, path)[path[-1]] = after
    nodes, (_, node) = document.nodes, document.there(path)
    shared = any(place in nodes.aliases for place in _line(document, path)) or node in nodes.anchors
    if shared or parse(edited, field.file).data != expected:
        raise EditError(
            f"{field.file}: cannot edit {field.path} in place; write it as a plain value on a line "
            "of its own, without an anchor or an alias of YAML"
        )
    return edited


def _styled(text: str, span: Span, value: str) -> str:
    """A value as the one that stands there is written: in its quotes, or in none."""
    if span.start == span.end:  # `digest:` without a value
        return f" {value}"
    quote = text[span.start]
    return f"{quote}{value}{quote}" if quote in "'\"" else value


def _found(text: str, field: Field) -> _Found:
    document = parse(text, field.file)
    paths = list(_paths(document.data, field.path.split(".")))
    if not paths:
        raise EditError(
            f"{field.file} has no {field.path}; {_nearest(document.data, field.path)}, or add it, "
            "empty"
        )
    if len(paths) > 1:
        raise EditError(f"{field.file} has {field.path} in two places; rename one of the keys")
    value: Any = document.data
    for part in paths[0]:
        value = value[part]
    if value is not None and value != "":
        fits = isinstance(value, str) and (DIGEST.fullmatch(value) or _REFERENCE.fullmatch(value))
        if not fits:
            raise EditError(
                f"{field.file}: {field.path} is {value!r:.80}, and no digest of an image; choose "
                "another path, or make it empty"
            )
    return _Found(document, paths[0], value)


def _paths(data: Any, parts: list[str]) -> Iterator[KeyPath]:
    """The paths that some words joined by dots can mean: a key may have dots itself."""
    if not parts:
        yield ()
        return
    if isinstance(data, list) and parts[0].isdecimal() and int(parts[0]) < len(data):
        number = int(parts[0])
        yield from ((number, *rest) for rest in _paths(data[number], parts[1:]))
    if isinstance(data, dict):
        for end in range(1, len(parts) + 1):
            key = ".".join(parts[:end])
            if key in data:
                yield from ((key, *rest) for rest in _paths(data[key], parts[end:]))


def _nearest(data: Any, path: str) -> str:
    """What to write instead of a path that is not there."""
    return suggestion(path, list(_leaves(data, "")))


def _leaves(data: Any, path: str, depth: int = 0) -> Iterator[str]:
    inner = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in inner if isinstance(data, dict | list) else ():
        inside = f"{path}.{key}" if path else str(key)
        if isinstance(value, dict | list) and depth < 8:
            yield from _leaves(value, inside, depth + 1)
        else:
            yield inside


def _parent(data: Any, path: KeyPath) -> Any:
    for part in path[:-1]:
        data = data[part]
    return data


def _line(document: Document, path: KeyPath) -> Iterator[int]:
    """The values on the way to a path, with its own."""
    for end in range(1, len(path) + 1):
        yield document.there(path[:end])[1]
