"""Change or add versions and pins in the text of models.yaml and leave every other byte alone."""

from __future__ import annotations

import re
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core.desired import Blocked, DesiredStage
from mlgitops.core.pins import declared
from mlgitops.core.stage import alias_of
from mlgitops.errors import DesiredStateError, EditError, UsageError
from mlgitops.file.load import Source, source
from mlgitops.file.part import Part, cut
from mlgitops.file.stages import spelled, stage_of
from mlgitops.words import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlgitops.core.desired import Desired, DesiredModel
    from mlgitops.file.document import Document, Span
    from mlgitops.file.reader import KeyPath
    from mlgitops.file.texts import Texts


def part_of(text: str | Texts, file: str, model: str) -> Part:
    """What of a models.yaml the other functions are to edit: the part that says one model.

    It is one of the file that has the model: `Part.file` names it.

    Raises:
        DesiredStateError: the text is not valid.
        UsageError: there is no such model.
    """
    whole = source(text, file)
    return cut(whole, model_of(whole.desired, model).name)


def set_version(part: Part, model: str, stage: str, version: int | None) -> Part:
    """The part with `stage` of `model` at `version`; None empties the stage.

    A digest that pinned the former version is dropped with it.

    Raises:
        DesiredStateError: it would not be valid afterwards.
        UsageError: the version is blocked.
        EditError: the text cannot be edited in place, e.g. because the stage is an alias of YAML.
    """
    before = part.source.desired
    of = before.models[model]
    if blocked := of.blocked.get(version or 0):
        raise UsageError(
            f"version {version} of {model} is blocked: {blocked.reason}; choose another, or remove "
            f"{version} from 'blocked' at {blocked.where}"
        )
    held = of.listed(alias_of(stage))
    value = "null" if version is None else str(version)
    if held is not None:
        wanted = replace(held, version=version, digest=None)
        edited = _edited(part, _replaced(part.source, model, held.name, value))
    else:
        wanted = DesiredStage(name=stage, version=version, where=of.where)
        # the new name may be none that a stage can have: that is the file's own error
        edited = part.edited(_inserted(part.source, (of.section, model, "stages"), stage, value))
    if edited is None or edited.source.desired != _with(before, model, wanted):
        raise EditError(
            f"{before.file}: cannot edit {model} {wanted.name} in place; "
            "write its version as a plain number on a line of its own"
        )
    return edited


def block(part: Part, model: str, version: int, reason: str) -> Part:
    """The part with a version that no stage of `model` may hold any more.

    Raises:
        DesiredStateError: it would not be valid afterwards, e.g. because a stage names the version.
        EditError: the text cannot be edited in place.
    """
    before = part.source.desired
    of = before.models[model]
    stated = spelled(reason)
    if of.blocked:
        text = _inserted(part.source, (of.section, model, "blocked"), str(version), stated)
    else:
        text = _inserted(part.source, (of.section, model), "blocked", f"{{{version}: {stated}}}")
    edited = part.edited(text)
    blocked = {**of.blocked, version: Blocked(reason=reason, where=of.where)}
    expected = replace(of, blocked=MappingProxyType(blocked))
    if edited.source.desired != _with_models(before, {model: expected}):
        raise EditError(
            f"{before.file}: cannot block version {version} of {model} in place; add "
            f"`{version}: {stated}` to its 'blocked' by hand"
        )
    return edited


def unpinned(part: Part, model: str, stage: str) -> str:
    """What to say if a stage that is pinned gets another version: its pin is removed."""
    held = part.source.desired.models[model].listed(alias_of(stage))
    pin = f"mlgitops pin {model} {stage}"
    return f"; its pin was removed, to pin again run `{pin}`" if held and held.digest else ""


def set_digests(whole: Source, digests: Mapping[tuple[str, str], str]) -> Mapping[str, str]:
    """The texts with a digest beside the version of each stage, given by model and stage.

    Returns:
        By file, its new text; without those that stay as they are.

    Raises:
        UsageError: there is no such model or stage, or the stage is to be empty.
        EditError: the text cannot be edited in place, e.g. because a stage is an alias of YAML.
    """
    by_file: dict[str, dict[tuple[str, str], str]] = {}
    for (model, stage), digest in digests.items():
        file = model_of(whole.desired, model).where.file
        by_file.setdefault(file, {})[model, stage] = digest
    found = {file: _with_pins(whole.file(file), some) for file, some in by_file.items()}
    return {file: text for file, text in found.items() if text != whole.texts.of(file)}


def _with_pins(whole: Source, digests: Mapping[tuple[str, str], str]) -> str:
    """The text of one file with digests."""
    models = {model for model, _ in digests}
    part = cut(whole, models.pop()) if len(models) == 1 else Part(source=whole)
    before = part.source.desired
    edits = [_pinned(part.source, *stage, digest) for stage, digest in digests.items()]
    expected = _with_digests(before, digests)
    edited = _edited(part, replacing(part.source.text, edits))
    if edited is None or edited.source.desired != expected:
        found = set(declared(edited.source.desired if edited else before).pinned)
        wrong = [f"{p.model} {p.stage}" for p in declared(expected).pinned if p not in found]
        names = ", ".join(wrong or map(" ".join, digests))
        raise EditError(
            f"{before.file}: cannot pin {names} in place; write each version as a plain "
            "number on a line of its own"
        )
    return edited.whole


def model_of(desired: Desired, model: str) -> DesiredModel:
    """A model of models.yaml.

    Raises:
        UsageError: there is none of that name; with the nearest one.
    """
    if model not in desired.models:
        near = suggestion(model, desired.models)
        raise UsageError(f"{desired.file} has no model {model!r}; {near}")
    return desired.models[model]


def filled_stage(desired: Desired, model: str, stage: str) -> DesiredStage:
    """A stage of models.yaml, in whichever case it is named, that holds a version.

    Raises:
        UsageError: there is no such model or stage, or the stage is not listed or left empty.
    """
    of, name = model_of(desired, model), stage_of(desired, stage)
    found = of.listed(alias_of(name))
    if found is None or found.version is None:
        what = "does not list" if found is None else "leaves empty"
        raise UsageError(f"{desired.file} {what} {name} of {model}; there is no version to pin")
    return found


def add_recipe(part: Part, model: str, params: Mapping[str, object]) -> tuple[Part, int]:
    """The part with one more version of `model`, and its number: the next one.

    The module that trains it is that of the model's last recipe.

    Raises:
        DesiredStateError: it would not be valid afterwards.
        UsageError: the model has no recipe to follow.
        EditError: the text cannot be edited in place.
    """
    before = part.source.desired
    of = before.models[model]
    versions = of.versions
    if not versions:
        raise UsageError(
            f"{before.file}: {model} has no recipe to copy the module from; "
            "write its first recipe by hand"
        )
    number, last = max(versions) + 1, versions[max(versions)]
    recipe = replace(last, params=dict(params))
    stated = {"train": recipe.train, "params": recipe.params}
    line = spelled(stated)
    text = _inserted(part.source, ("models", model, "versions"), str(number), line)
    edited = part.edited(text)
    expected = replace(of, versions=MappingProxyType({**versions, number: recipe}))
    if edited.source.desired != _with_models(before, {model: expected}):
        raise EditError(
            f"{before.file}: cannot edit the versions of {model} in place; add {line} by hand"
        )
    return edited, number


def _with_models(desired: Desired, models: Mapping[str, DesiredModel]) -> Desired:
    return replace(desired, models=MappingProxyType({**desired.models, **models}))


def _with(desired: Desired, model: str, stage: DesiredStage) -> Desired:
    """What is desired, with a stage in the place of the one of its name, else after all others."""
    return _with_models(desired, {model: _with_stage(desired.models[model], stage)})


def _with_stage(of: DesiredModel, stage: DesiredStage) -> DesiredModel:
    stages = {s.alias: s for s in of.stages} | {stage.alias: stage}
    return replace(of, stages=tuple(stages.values()))


def _with_digests(desired: Desired, digests: Mapping[tuple[str, str], str]) -> Desired:
    changed: dict[str, DesiredModel] = {}
    for (model, stage), digest in digests.items():
        pinned = replace(filled_stage(desired, model, stage), digest=digest)
        changed[model] = _with_stage(changed.get(model, desired.models[model]), pinned)
    return _with_models(desired, changed)


def _edited(part: Part, text: str) -> Part | None:
    """The part with another text; None if that is not valid."""
    try:
        return part.edited(text)
    except DesiredStateError:
        return None


def replacing(text: str, edits: Iterable[tuple[Span, str]]) -> str:
    """The text with other values in some places."""
    pieces, done = [], 0
    for span, value in sorted(edits, key=lambda edit: edit[0].start):
        pieces += [text[done : span.start], value]
        done = span.end
    return "".join([*pieces, text[done:]])


def _pinned(source: Source, model: str, stage: str, digest: str) -> tuple[Span, str]:
    """A place of the text, and what is to stand there for the stage to be pinned."""
    text, document = source.text, source.document
    held = filled_stage(source.desired, model, stage)
    path = (model_of(source.desired, model).section, model, "stages", held.name)
    if held.digest is None:
        span = document.value(path)
        return span, f'{{version: {text[span.start : span.end]}, digest: "{digest}"}}'
    span = document.value((*path, "digest"))
    return span, text[span.start : span.end].replace(held.digest, digest)


def _replaced(source: Source, model: str, stage: str, value: str) -> str:
    text, document = source.text, source.document
    section = source.desired.models[model].section
    path = (section, model, "stages", stage)
    span = document.value(path)
    if span.start == span.end:  # "Production:" without a value
        value = f" {value}"
    end = span.end
    held = document.data[section][model]["stages"][stage]
    if isinstance(held, dict) and text[span.start] != "{":
        # the end of a block mapping lies behind the line breaks and comments that follow it
        end = max(document.value((*path, part)).end for part in held)
        key = document.key(path)
        return f"{text[: key.end]}: {value}{text[end:]}"
    return text[: span.start] + value + text[end:]


def _inserted(source: Source, path: KeyPath, key: str, value: str) -> str:
    """The text with one more key in the mapping at a path of two or three."""
    text, document = source.text, source.document
    span = document.value(path)
    last = _last_end(text, document, path)
    if text[span.start] == "{":
        # behind the last value: before the brace there may be a comma or a comment already
        at, comma = (span.start + 1, "") if last is None else (last, ", ")
        return f"{text[:at]}{comma}{key}: {value}{text[at:]}"
    if last is None:
        raise EditError(
            f"{document.file}: cannot add to the empty {path[-1]} of {path[1]}; add {key} by hand"
        )
    first = document.key((*path, next(iter(document.children(path))))).start
    indent = text[text.rfind("\n", 0, first) + 1 : first]
    line_end = re.compile(r"\r?\n|$").search(text, last)
    assert line_end is not None, "the pattern matches at the end"
    newline = "\r\n" if "\r\n" in text else "\n"
    return f"{text[: line_end.start()]}{newline}{indent}{key}: {value}{text[line_end.start() :]}"


def _last_end(text: str, document: Document, path: KeyPath) -> int | None:
    """Where the last value below a path ends, before the line breaks that follow it."""
    # a block collection ends behind the comments that follow it; its last value ends before
    ends = [span.end for span, leaf in document.below(path) if leaf or text[span.start] in "{["]
    return len(text[: max(ends)].rstrip()) if ends else None
