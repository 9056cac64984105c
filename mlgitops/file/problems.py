"""Pydantic's errors in a models.yaml → problems with their place, in plain words."""

from __future__ import annotations

from difflib import get_close_matches
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from mlgitops.core.desired import MODELS, PROMPTS
from mlgitops.file.deployments import DEPLOYMENTS, FORMS, form_at
from mlgitops.file.schema import (
    AnnounceForm,
    DeclaredForm,
    EvaluationForm,
    FileForm,
    IncludedForm,
    MetricForm,
    ModelForm,
    PinnedForm,
    PromptForm,
    RecipeForm,
    RuleForm,
)
from mlgitops.file.temporary import FileExceptionForm, FreezeForm, ModelExceptionForm
from mlgitops.gates.kinds import GATES
from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic_core import ErrorDetails

    from mlgitops.errors import Where
    from mlgitops.file.document import Document
    from mlgitops.file.reader import KeyPath
    from mlgitops.gates.form import Form


class Flaw(NamedTuple):
    """What is wrong at a path of the file, and how it is said."""

    path: KeyPath
    where: Where
    message: str | Callable[[], str]


def flaw(document: Document, details: ErrorDetails, *, included: bool = False) -> Flaw:
    """What one of pydantic's errors stands for, in models.yaml or in a file that it includes."""
    path, subject = _path(document, details["loc"])
    if included and details["type"] == "extra_forbidden" and len(path) == 1:
        return Flaw(path=path, where=document.where(path), message=_not_here(str(path[0])))
    message = partial(_message, document, details, path, subject)
    return Flaw(path=(*path, *subject), where=document.where(path), message=message)


def _not_here(key: str) -> str:
    if key not in FileForm.model_fields:
        return _unknown_key(key, IncludedForm)
    return (
        f"{key!r} belongs in the file that includes this one; an included file has models and "
        "prompts only, so move it there"
    )


def _path(document: Document, location: tuple[int | str, ...]) -> tuple[KeyPath, tuple[str, ...]]:
    """The path in the file of a location of pydantic's, and what of it the file does not have."""
    path: KeyPath = ()
    missing: list[str] = []
    for part in location:
        if not missing and document.place((*path, part)) is not None:
            path = (*path, part)
        elif not str(part).startswith(("<", "[")):  # which kind of form was tried, else
            missing.append(str(part))
    return path, tuple(missing)


_KINDS = {
    "string": "text",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "list": "a list",
    "dict": "a mapping",
    "model": "a mapping",
    "model_attributes": "a mapping",
}


_MODEL, _OF_STAGE = 2, 2  # parts of the path of a model, and inside it of a stage
_OF_FORM = ("string_pattern_mismatch", "string_type", "literal_error")


def _message(
    document: Document, details: ErrorDetails, path: KeyPath, subject: tuple[str, ...]
) -> str:
    kind, given, context = details["type"], details["input"], details.get("ctx", {})
    form = _form_at(document, path[:-1]) if path else None
    # the last key, or the one before the number of an entry of its list
    asked = [form.asks[str(key)] for key in path[-2:] if str(key) in form.asks] if form else []
    if kind in _OF_FORM and asked:
        return f"{_key(path, given)}must be {asked[-1]}; got {_shown(given)}"
    special: dict[str, Callable[[], str]] = {
        "missing": lambda: f"missing key {subject[-1]!r}; add it",
        "extra_forbidden": lambda: _unknown_key(str(path[-1]), form),
        "value_error": lambda: str(context["error"]),
        "union_tag_not_found": lambda: (
            _no_kind(given) if path[0] == DEPLOYMENTS else _no_gate(given)
        ),
        "greater_than_equal": lambda: f"must be at least {context['ge']}, got {_shown(given)}",
        "less_than_equal": lambda: f"must be at most {context['le']}, got {_shown(given)}",
        "finite_number": lambda: f"must be a finite number, got {_shown(given)}",
        "literal_error": lambda: f"must be {context['expected']}, got {_shown(given)}",
        "string_too_short": lambda: "must not be empty",
        "string_too_long": lambda: (
            f"must have at most {count(context['max_length'], 'character')}, not {len(given)}"
        ),
    }
    expected = _KINDS.get(kind.removesuffix("_type"))
    if kind in special:
        said = special[kind]()
    else:
        said = f"must be {expected}, got {_shown(given)}" if expected else details["msg"]
    return f"{_key(path, given)}{said}" if said.startswith("must ") else said


def _key(path: KeyPath, given: object) -> str:
    """The key of a value inside a model; a stage is told with the model."""
    inside = path[_MODEL:] if path and path[0] in (MODELS, PROMPTS) else ()
    named = [part for part in inside if isinstance(part, str)]
    told = len(inside) == _OF_STAGE and inside[0] in ("stages", "gates", "promote")
    return f"{named[-1]!r} " if named and not told and named[-1] != given else ""


def _no_gate(given: object) -> str:
    keys = [str(key) for key in given] if isinstance(given, dict) else []
    near = [name for key in keys for name in get_close_matches(key, GATES, n=1)]
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"a gate must be a mapping with one of the keys {_any(GATES)}{hint}"


def _no_kind(given: object) -> str:
    if not isinstance(given, dict):
        return "a deployment must be a mapping"
    kind = str(given.get("kind", ""))
    near = get_close_matches(kind, FORMS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"a deployment needs the key 'kind', one of {_any(FORMS)}{hint}"


def _unknown_key(key: str, form: type[Form] | None) -> str:
    fields = form.model_fields.items() if form else ()
    allowed = [field.alias or name for name, field in fields]
    near = get_close_matches(key, allowed, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"allowed keys: {_any(allowed)}"
    return f"unknown key {key!r}; {hint}"


_OF_MODEL: Mapping[str, type[Form]] = MappingProxyType(
    {
        "versions": RecipeForm,
        "stages": PinnedForm,
        "evaluation": EvaluationForm,
        "metrics": MetricForm,
        "promote": RuleForm,
        "announce": AnnounceForm,
    }
)


def _form_at(document: Document, path: KeyPath) -> type[Form] | None:
    """The form of the mapping at a path; None for what is none, such as a list of owners."""
    if path and path[0] == DEPLOYMENTS and len(path) > 1:
        listed = document.data[DEPLOYMENTS]
        return form_at(listed.get(path[1]), path[2:]) if isinstance(listed, dict) else None
    if path and path[-1] == "freeze" and len(path) in (1, 3):
        return FreezeForm
    if len(path) in (2, 4) and path[-2] == "allow":
        return FileExceptionForm if len(path) == 2 else ModelExceptionForm
    if len(path) < 2:
        return FileForm
    if path[0] == "stages":
        return DeclaredForm
    return _form_in_model(document, path)


def _form_in_model(document: Document, path: KeyPath) -> type[Form] | None:
    if len(path) == 2:
        return PromptForm if path[0] == PROMPTS else ModelForm
    kind = _OF_MODEL.get(str(path[2]))
    return kind or next(
        (form for kind, form in GATES.items() if document.place((*path, kind))), None
    )


def _any(names: Iterable[str]) -> str:
    return ", ".join(names)


def _shown(value: object) -> str:
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"{str(value).lower()} (a boolean)"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
