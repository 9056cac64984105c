"""Change one version in the text of models.yaml and leave every other byte alone."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from modelops.desired.document import Document, parse
from modelops.desired.load import loads
from modelops.errors import DesiredStateError, EditError, UsageError
from modelops.registry.values import alias_of

if TYPE_CHECKING:
    from modelops.desired.values import Desired, DesiredModel, DesiredStage


def set_version(text: str, file: str, model: str, stage: str, version: int | None) -> str:
    """The text with `stage` of `model` at `version`; None empties the stage.

    A digest that pinned the former version is dropped with it.

    Raises:
        DesiredStateError: the text was not valid before, or would not be afterwards.
        UsageError: there is no such model.
        EditError: the text can not be edited in place, e.g. because the stage is an alias of YAML.
    """
    before = loads(text, file)
    if model not in before.models:
        near = get_close_matches(model, before.models, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(before.models)}"
        raise UsageError(f"{file} has no model {model!r}; {hint}")
    name = _listed_name(before.models[model], stage)
    value = "null" if version is None else str(version)
    document = parse(text, file)
    if name is not None:
        edited = _replaced(text, document, model, name, value)
        _check(before, edited, model, name, version)
    else:
        edited = _inserted(text, document, model, stage, value)
        loads(edited, file)  # the new name may be none that a stage can have
        _check(before, edited, model, stage, version)
    return edited


def _listed_name(model: DesiredModel, stage: str) -> str | None:
    return next((s.name for s in model.stages if s.alias == alias_of(stage)), None)


def _replaced(text: str, document: Document, model: str, stage: str, value: str) -> str:
    path = ("models", model, "stages", stage)
    span = document.values[path]
    if span.start == span.end:  # "Production:" without a value
        value = f" {value}"
    end = span.end
    pinned = isinstance(document.data["models"][model]["stages"][stage], dict)
    if pinned and text[span.start] != "{":
        # the end of a block mapping lies behind the line breaks and comments that follow it
        end = max(s.end for p, s in document.values.items() if p[:4] == path and len(p) > 4)
        key = document.keys[path]
        return f"{text[: key.end]}: {value}{text[end:]}"
    return text[: span.start] + value + text[end:]


def _inserted(text: str, document: Document, model: str, stage: str, value: str) -> str:
    path = ("models", model, "stages")
    span, known = document.values[path], [p for p in document.values if p[:3] == path]
    last = max((document.values[p].end for p in known if len(p) > 3), default=None)
    if text[span.start] == "{":
        at = span.end - 1
        comma = ", " if last is not None else ""
        return f"{text[:at].rstrip()}{comma}{stage}: {value}{text[at:]}"
    if last is None:
        raise EditError(f"{document.file}: the stages of {model} are empty; add {stage} by hand")
    first = min(s.start for p, s in document.keys.items() if p[:3] == path and len(p) == 4)
    indent = text[text.rfind("\n", 0, first) + 1 : first]
    line_end = re.compile(r"\r?\n|$").search(text, last)
    assert line_end is not None, "the pattern matches at the end"
    newline = "\r\n" if "\r\n" in text else "\n"
    return f"{text[: line_end.start()]}{newline}{indent}{stage}: {value}{text[line_end.start() :]}"


def _check(before: Desired, edited: str, model: str, stage: str, version: int | None) -> None:
    """Refuse an edit that says anything else than what was asked."""
    alias = alias_of(stage)
    try:
        after = loads(edited, before.file)
    except DesiredStateError:
        after = before
    changed = [s for s in after.models[model].stages if s.alias == alias]
    as_asked = len(changed) == 1 and changed[0].version == version and changed[0].digest is None
    if not as_asked or _without(before, model, alias) != _without(after, model, alias):
        raise EditError(
            f"{before.file}: {model} {stage} can not be edited in place; "
            "write its version as a plain number on a line of its own"
        )


def _without(desired: Desired, model: str, alias: str) -> object:
    """Everything that a file says but for one stage, without the places where it says it."""

    def plain(stage: DesiredStage) -> tuple[object, ...]:
        return (stage.name, stage.version, stage.digest)

    freezes = [f and (f.reason, f.until) for f in (desired.freeze,)]
    return freezes + [
        (
            m.name,
            m.freeze and (m.freeze.reason, m.freeze.until),
            m.description,
            m.owners,
            [(n, r.train, r.params) for n, r in m.versions.items()],
            m.gates,
            [plain(s) for s in m.stages if (m.name, s.alias) != (model, alias)],
        )
        for m in desired.models.values()
    ]
