"""What models.yaml declared at each commit, read leniently, and of each text only what is new.

What it includes is read as texts of their own, by `together`.

A file of a hundred models changes in one or two of them at a time. `Reader` cuts each text into the
blocks of its models and parses those that the text before it did not have; what surrounds them, the
frame, is parsed too, so that nothing is ever guessed. A text that cannot be cut without doubt
(other than block style, anchors, several documents, broken YAML) is parsed whole.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlgitops.core.desired import MODELS, PROMPTS
from mlgitops.core.stage import alias_of
from mlgitops.errors import DesiredStateError
from mlgitops.file import include
from mlgitops.file.document import MAX_BYTES, Document, boundary, parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.file.include import Pattern
    from mlgitops.file.texts import Texts

Held = Mapping[str, int | None]  # alias → version
Stages = Mapping[str, Held]  # by model
_Models = dict[Hashable, Held | None]

_OPENING = re.compile(r"^models: *(?:#.*)?\r?$", re.MULTILINE)
_FIRST = re.compile(r"\n( +)[^ #\r\n]")
# a directive, which changes what follows it, and what breaks lines for YAML but not for us
_UNCUT = re.compile(r"^%|\r(?!\n|\Z)|[\x85\u2028\u2029]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Said:
    """What one text says.

    Attributes:
        stages: the version of every stage.
        include: the patterns of files that it includes.
    """

    stages: Stages
    include: tuple[Pattern, ...] = ()


def declared(texts: Texts) -> Stages | None:
    """The version of every stage that files of any age declare; None if one cannot be read."""
    return together(said(text) for text in (texts.text, *(one.text for one in texts.included)))


def said(text: str) -> Said | None:
    """What a text of any age says; None if it cannot be read."""
    document = _parsed(text)
    models = _models(document)
    if models is None or document is None:
        return None
    return Said(_by_name(models), _patterns(document))


def together(texts: Iterable[Said | None]) -> Stages | None:
    """What models.yaml and the files it includes declare; None if one cannot be read."""
    found: dict[str, Held] = {}
    for one in texts:
        if one is None:
            return None
        if not found:
            found = dict(one.stages)
        else:
            found |= {name: held for name, held in one.stages.items() if name not in found}
    return found


def _patterns(document: Document) -> tuple[Pattern, ...]:
    return tuple(include.usable(include.patterns(document.data)))


class Reader:
    """Reads texts that follow each other; what two of them share is parsed once.

    It remembers the blocks of the last text alone, so that its memory is that of one file.
    """

    def __init__(self) -> None:
        self._blocks: dict[str, _Models] = {}
        self._frame = ""
        self._around = _Around({}, ())

    def said(self, text: str) -> Said | None:
        """The same as the function of this name."""
        models = self._cut(text)
        return said(text) if models is None else Said(_by_name(models), self._around.include)

    def _cut(self, text: str) -> _Models | None:
        """The models of a text, block by block; None where it has to be parsed whole."""
        opening = _OPENING.search(text)
        first = opening and _FIRST.search(text, opening.end())
        size = len(text.encode("utf-8", "surrogatepass"))
        if opening is None or first is None or size > MAX_BYTES:
            return None
        indent = first[1]
        lead, *pieces = boundary(len(indent)).split(text[opening.end() :])
        end = next((i for i, p in enumerate(pieces) if not p.startswith(indent)), len(pieces))
        if end == 0:
            return None
        frame = "\n".join([text[: opening.end()] + lead, *pieces[end:]])
        known, self._blocks = self._blocks, {}
        models: _Models = {}
        for piece in pieces[:end]:
            block = known.get(piece) or _models(_alone(f"models:\n{piece}\n"))
            if not block:
                return None
            self._blocks[piece] = block
            for name, held in block.items():
                models.setdefault(name, held)  # of two equal keys the first one counts
        if frame != self._frame:
            around = _around(frame, text.count("\n", 0, opening.start()) + 1)
            if around is None:
                return None
            self._frame, self._around = frame, around
        return self._around.prompts | models


@dataclass(frozen=True, slots=True)
class _Around:
    """What a text says besides its models."""

    prompts: _Models
    include: tuple[Pattern, ...]


def _around(text: str, line: int) -> _Around | None:
    """What a text says without its models; None unless it has, in this line, their key."""
    document = _alone(text)
    if document is None or not isinstance(document.data, dict):
        return None
    where = document.where((MODELS,))
    empty = MODELS in document.data and document.data[MODELS] is None
    found = _section(document.data, PROMPTS)
    if not empty or found is None or (where.line, where.column) != (line, 1):
        return None
    return _Around(found, _patterns(document))


def _alone(text: str) -> Document | None:
    """A part of a file; None where it cannot be read, or means something beyond itself."""
    document = None if _UNCUT.search(text) else _parsed(text)
    return None if document is None or document.nodes.anchors else document


def _parsed(text: str) -> Document | None:
    try:
        return parse(text, "models.yaml")
    except DesiredStateError:
        return None


def _models(document: Document | None) -> _Models | None:
    data = document.data if document else None
    if not isinstance(data, dict):
        return None
    models, prompts = _section(data, MODELS), _section(data, PROMPTS)
    return None if models is None or prompts is None else prompts | models


def _section(data: Mapping[str, Any], key: str) -> _Models | None:
    """What is listed under a key, nothing if that is absent; None if it is no mapping."""
    alone = key == PROMPTS or PROMPTS in data or include.INCLUDE in data
    listed = data.get(key, {} if alone else None)
    return {n: _held(m) for n, m in listed.items()} if isinstance(listed, dict) else None


def _held(model: Any) -> Held | None:
    stages = model.get("stages") if isinstance(model, dict) else None
    if not isinstance(stages, dict):
        return None
    return {alias_of(str(stage)): _version(held) for stage, held in stages.items()}


def _version(held: object) -> int | None:
    number = held.get("version") if isinstance(held, dict) else held
    return number if isinstance(number, int) else None


def _by_name(models: _Models) -> Stages:
    return {str(name): held for name, held in models.items() if held is not None}
