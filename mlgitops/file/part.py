"""The part of a models.yaml that says one model, to edit a file of thousands without rereading it.

The part is read and edited as a models.yaml of its own, in which every line has the number that it
has in the file. What an edit does to the part it does to the file, because the parser is between
two keys where the part begins and where it ends, and no alias of YAML leads in or out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlgitops.errors import DesiredStateError
from mlgitops.file.load import Source, source

if TYPE_CHECKING:
    from mlgitops.core.desired import Desired
    from mlgitops.file.document import Document


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What is edited, and what of the file is around it.

    Attributes:
        source: the part as a file of its own; or the whole file, where no part can be cut out.
        head, tail: what that has before and after the part.
        before, after: what the file has there.
    """

    source: Source
    head: str = ""
    tail: str = ""
    before: str = ""
    after: str = ""

    @property
    def file(self) -> str:
        """The file that has the part."""
        return self.source.desired.file

    @property
    def whole(self) -> str:
        """The text of the file with the part as it is now."""
        text = self.source.text
        return self.before + text[len(self.head) : len(text) - len(self.tail)] + self.after

    def edited(self, text: str) -> Part:
        """The part with another text.

        Raises:
            DesiredStateError: it is not valid any more.
        """
        return replace(self, source=_alone(text, self.source.desired))


def cut(whole: Source, model: str) -> Part:
    """The part of a file that says a model which it has; the whole file where it has none alone.

    Of several files, the one that has the model is cut.
    """
    whole = whole.holding(model)
    bom = whole.document.bom
    section = whole.desired.models[model].section
    found = _around(whole.text[bom:], whole.document, (section, model))
    if found is None:
        return Part(source=whole)
    (head, tail), (start, end) = found
    before, after = whole.text[: bom + start], whole.text[bom + end :]
    try:
        text = f"{head}{whole.text[bom + start : bom + end]}{tail}"
        alone = _alone(text, whole.desired)
    except DesiredStateError:
        return Part(source=whole)
    if dict(alone.desired.models) != {model: whole.desired.models[model]}:
        return Part(source=whole)
    return Part(source=alone, head=head, tail=tail, before=before, after=after)


def _alone(text: str, within: Desired) -> Source:
    return source(text, within.file, within=within)


def _around(
    text: str, document: Document, path: tuple[str, str]
) -> tuple[tuple[str, str], tuple[int, int]] | None:
    """What to write around a model's part, and where in the text it is; None if there is none."""
    nodes, (_, models) = document.nodes, document.there(path[:1])
    key, value = document.there(path)
    assert key is not None, "models are a mapping"
    following = nodes.nexts[value]
    shared = (*nodes.anchors, *nodes.aliases)
    if models in nodes.aliases or any(key <= node < following for node in shared):
        return None
    start = nodes.starts[key]
    line, column = document.lines.place(start)
    if text[nodes.starts[models]] == "{":
        head = f"{path[0]}: {{" + "\n" * (line - 1)
        pad = column - 1 - (0 if line > 1 else len(head))
        span = start, nodes.ends[value]
        return ((head + " " * pad, "}"), span) if pad >= 0 else None
    begin = start - column + 1
    last = following == nodes.nexts[models]
    end = nodes.ends[models] if last else document.lines.begin(nodes.starts[following])
    in_order = line > 1 and not text[begin:start].strip(" ") and begin < end
    head = f"{path[0]}:" + "\n" * (line - 1)
    return ((head, ""), (begin, end)) if in_order else None
