"""models.yaml → Desired: every problem of form and meaning at once, each with its place."""

from __future__ import annotations

from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelops.desired import checks
from modelops.desired.document import Document, Path, parse, problem_at
from modelops.desired.schema import (
    GATES,
    FileForm,
    Form,
    FreezeForm,
    MetricForm,
    ModelForm,
    PinnedForm,
    PromotedFromForm,
    RecipeForm,
    until,
)
from modelops.desired.values import (
    Desired,
    DesiredModel,
    DesiredStage,
    Freeze,
    Gate,
    MetricGate,
    PromotedFromGate,
    Recipe,
    Regression,
    SignatureGate,
)
from modelops.errors import DesiredStateError, Problem, Where
from modelops.metrics import direction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path as FilePath

    from pydantic_core import ErrorDetails


def load(path: FilePath) -> Desired:
    """Read models.yaml.

    Raises:
        DesiredStateError: with every problem found.
    """
    return loads(read(path), str(path))


def read(path: FilePath) -> str:
    """The text of models.yaml.

    Raises:
        DesiredStateError: the file is missing, is not a file, or is not UTF-8.
    """
    try:
        # newline="" keeps line endings, so that an edit leaves every other byte alone
        with path.open(encoding="utf-8", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        message = "does not exist; create it or name another with --file"
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text (byte {error.start}); save it as UTF-8"
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
    raise DesiredStateError(
        [Problem(where=Where(file=str(path), line=1, column=1), message=message)]
    )


def loads(text: str, file: str) -> Desired:
    """Like `load`, for a text that is already in memory; `file` is named in problems."""
    document = parse(text, file)
    try:
        form = FileForm.model_validate(document.data)
    except ValidationError as error:
        problems = [_problem(document, details) for details in error.errors(include_url=False)]
        raise DesiredStateError(document.problems + problems) from None
    desired = _desired(form, document)
    problems = document.problems + [
        problem_at(path, document.where(path), message) for path, message in checks.check(desired)
    ]
    if problems:
        raise DesiredStateError(problems)
    return desired


def _desired(form: FileForm, document: Document) -> Desired:
    models = {name: _model(name, model, document) for name, model in form.models.items()}
    return Desired(
        file=document.file,
        models=MappingProxyType(models),
        freeze=_freeze(form.freeze, document, ()),
    )


def _model(name: str, form: ModelForm, document: Document) -> DesiredModel:
    at: Path = ("models", name)
    return DesiredModel(
        name=name,
        description=form.description,
        owners=tuple(form.owners),
        versions=MappingProxyType(
            {
                number: Recipe(
                    train=recipe.train,
                    params=MappingProxyType(recipe.params),
                    where=document.where((*at, "versions", number)),
                )
                for number, recipe in sorted(form.versions.items())
            }
        ),
        gates=MappingProxyType(
            {stage: tuple(_gate(gate) for gate in gates) for stage, gates in form.gates.items()}
        ),
        stages=tuple(
            _stage(stage, held, document.where((*at, "stages", stage)))
            for stage, held in form.stages.items()
        ),
        where=document.where(at),
        freeze=_freeze(form.freeze, document, at),
    )


def _freeze(form: FreezeForm | None, document: Document, at: Path) -> Freeze | None:
    if form is None:
        return None
    where = document.where((*at, "freeze"))
    return Freeze(reason=form.reason, until=until(form.until), where=where)


def _stage(name: str, held: int | PinnedForm | None, where: Where) -> DesiredStage:
    if isinstance(held, PinnedForm):
        return DesiredStage(name=name, version=held.version, digest=held.digest, where=where)
    return DesiredStage(name=name, version=held, where=where)


def _gate(form: Form) -> Gate:
    if isinstance(form, MetricForm):
        return MetricGate(
            metric=form.metric,
            minimum=form.min,
            maximum=form.max,
            max_regression=_regression(form.max_regression),
            better=form.better or direction(form.metric),
        )
    if isinstance(form, PromotedFromForm):
        return PromotedFromGate(stage=form.promoted_from)
    return SignatureGate()


def _regression(value: float | str | None) -> Regression | None:
    if value is None:
        return None
    if isinstance(value, str):
        return Regression(amount=float(value.removesuffix("%")) / 100, relative=True, text=value)
    return Regression(amount=value, relative=False, text=f"{value:g}")


def _problem(document: Document, details: ErrorDetails) -> Problem:
    path, subject = _path(document, details["loc"])
    message = _message(details, path, subject)
    return problem_at((*path, *subject), document.where(path), message)


def _path(document: Document, location: tuple[int | str, ...]) -> tuple[Path, tuple[str, ...]]:
    """The path in the file of a location of pydantic's, and what of it the file does not have."""
    parts = [part for part in location if not str(part).startswith(("<", "["))]
    path: Path = ()
    for index, part in enumerate(parts):
        if (*path, part) not in document.values:
            return path, tuple(str(rest) for rest in parts[index:])
        path = (*path, part)
    return path, ()


_KINDS = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "list": "a list",
    "dict": "a mapping",
    "model": "a mapping",
    "model_attributes": "a mapping",
}


def _message(details: ErrorDetails, path: Path, subject: tuple[str, ...]) -> str:
    kind, given, context = details["type"], details["input"], details.get("ctx", {})
    special: dict[str, Callable[[], str]] = {
        "missing": lambda: f"the key {subject[-1]!r} is missing; add it",
        "extra_forbidden": lambda: _unknown_key(path),
        "value_error": lambda: str(context["error"]),
        "union_tag_not_found": lambda: f"a gate is a mapping with one of the keys {_any(GATES)}",
        "greater_than_equal": lambda: f"must be at least {context['ge']}, got {_shown(given)}",
        "less_than_equal": lambda: f"must be at most {context['le']}, got {_shown(given)}",
        "finite_number": lambda: f"must be a finite number, got {_shown(given)}",
        "literal_error": lambda: f"must be {context['expected']}, got {_shown(given)}",
        "string_too_short": lambda: "must not be empty",
        "string_pattern_mismatch": lambda: _pattern(path, given),
    }
    if kind in special:
        return special[kind]()
    expected = _KINDS.get(kind.removesuffix("_type"))
    return f"must be {expected}, got {_shown(given)}" if expected else details["msg"]


def _pattern(path: Path, given: object) -> str:
    form = {
        "train": "the name of a module in training/, such as power_forecasting",
        "digest": "'sha256:' and 64 lower-case hexadecimal digits",
        "max_regression": "a number, or a percentage such as 2%",
    }[str(path[-1])]
    return f"must be {form}; got {_shown(given)}"


def _unknown_key(path: Path) -> str:
    key = str(path[-1])
    allowed = list(_form_at(path[:-1]).model_fields)
    near = get_close_matches(key, allowed, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known here: {_any(allowed)}"
    return f"unknown key {key!r}; {hint}"


def _form_at(path: Path) -> type[Form]:
    if path and path[-1] == "freeze" and len(path) in (1, 3):
        return FreezeForm
    if len(path) < 2:
        return FileForm
    if len(path) == 2:
        return ModelForm
    if path[2] == "versions":
        return RecipeForm
    return PinnedForm if path[2] == "stages" else MetricForm


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
