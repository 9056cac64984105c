"""The text of a models.yaml of form 1 → that of form 2, which means the same.

Written are the lines that form 2 asks for, and stages as they are declared; every other byte stays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlgitops.core.stage import alias_of
from mlgitops.errors import DesiredStateError, MigrationError
from mlgitops.file.checks import not_as_declared
from mlgitops.file.document import Span
from mlgitops.file.edit import replacing
from mlgitops.file.load import Source, source
from mlgitops.file.reader import problem_at
from mlgitops.file.stages import line, spelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.desired import Desired
    from mlgitops.file.reader import KeyPath

NEWEST = 2
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")  # what YAML writes before a word: its name and tag
_Edit = tuple[Span, str]


def migrated(whole: Source) -> str:
    """The text in the newest form; the text itself, if it has that.

    Raises:
        MigrationError: with every place that has to be written by hand first.
    """
    if whole.desired.version == NEWEST:
        return whole.text
    edits: dict[Span, str] = {}
    by_hand = []
    for path, wanted in _words(whole.desired):
        span, new = _respelled(whole, path, wanted)
        if new is None:
            where = whole.document.where(path)
            said = whole.text[span.start : span.end]
            message = f"cannot write {wanted!r} in the place of {said[:60]!r}; write it by hand"
            by_hand.append(problem_at(path, where, message))
        else:
            edits[span] = new
    if by_hand:
        raise MigrationError(by_hand)
    text = replacing(whole.text, [*_head(whole), *edits.items()])
    try:
        after = source(text, whole.desired.file).document.data
    except DesiredStateError:
        after = None
    if after != _as_declared(whole):
        message = (
            f"cannot be edited in place; write `version: {NEWEST}` at its top, the stages as "
            "`stages` declares them, and out in full what it repeats by a name (&, *)"
        )
        raise MigrationError([problem_at((), whole.document.where(()), message)])
    return text


def _words(desired: Desired) -> Iterator[tuple[KeyPath, str]]:
    """Where a word of the text is another one in the newest form, and which."""
    for path, name in not_as_declared(desired):
        yield path, desired.stages.name_of(alias_of(name))


def _respelled(whole: Source, path: KeyPath, wanted: str) -> tuple[Span, str | None]:
    """A key, or the value of a gate's key, and what is to be there; None if that is not clear."""
    of_gate = len(path) > 5  # models → NAME → gates → STAGE → number → key
    span = whole.document.written(path) if of_gate else whole.document.key(path)
    text = whole.text[span.start : span.end]
    if text.startswith("*"):  # what it repeats may be no stage elsewhere
        return span, spelled(wanted)
    word = _PROPERTIES.sub("", text, count=1)
    kept = text[: len(text) - len(word)]
    if alias_of(word) == alias_of(wanted):
        return span, kept + spelled(wanted)
    again = re.compile(re.escape(wanted), re.IGNORECASE | re.ASCII)
    return span, kept + again.sub(wanted, word) if len(again.findall(word)) == 1 else None


def _head(whole: Source) -> Iterator[_Edit]:
    """The version of the form, and the declaration of stages, where the text has none."""
    text, document = whole.text, whole.document
    new = [] if "version" in document.data else [f"version: {NEWEST}"]
    if not new:
        yield document.written(("version",)), str(NEWEST)
    if whole.desired.stages.where is None:
        new.append(line(whole.desired.stages.listed))
    # what introduces the file, its name and version, stays above what it says
    first = next(key for key in document.children(()) if key != "version")
    at = document.key((first,)).start
    if text[document.value(()).start] == "{":
        yield Span(at, at), "".join(f"{one}, " for one in new)
        return
    begin = document.bom + document.lines.begin(at - document.bom)
    indent = text[begin:at]
    newline = "\r\n" if "\r\n" in text else "\n"
    blank = indent if not indent.strip(" ") else ""
    yield Span(begin, begin), "".join(f"{blank}{one}{newline}" for one in new)


def _as_declared(whole: Source) -> Any:
    """What the text is to say afterwards: the same, with stages as they are declared."""
    desired, data = whole.desired, whole.document.data

    def named(stage: str) -> str:
        return desired.stages.name_of(alias_of(stage))

    models = {}
    for name, model in desired.models.items():
        said = dict(data["models"][name])
        said["stages"] = {named(stage): held for stage, held in said["stages"].items()}
        if "gates" in said:
            said["gates"] = {
                named(stage): [
                    {
                        key: named(value) if key in gate.stages else value
                        for key, value in form.items()
                    }
                    for gate, form in zip(model.gates[stage], listed, strict=True)
                ]
                for stage, listed in said["gates"].items()
            }
        models[name] = said
    return {"stages": [*desired.stages.names], **data, "version": NEWEST, "models": models}
