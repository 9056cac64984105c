"""models.yaml → Desired: every problem of form and meaning at once, each with its place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from heapq import nsmallest
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mlgitops.core.desired import (
    MODELS,
    PROMPTS,
    Blocked,
    Desired,
    DesiredModel,
    DesiredStage,
    Evaluation,
    Freeze,
    GuardException,
    Recipe,
)
from mlgitops.core.promotion import Rule
from mlgitops.core.stage import DeclaredStages
from mlgitops.errors import MOST, DesiredStateError, Problem, Where
from mlgitops.file import checks, problems, stages
from mlgitops.file.document import MAX_BYTES, Document, parse
from mlgitops.file.problems import Flaw
from mlgitops.file.reader import KeyPath, problem_at
from mlgitops.file.schema import (
    AnnounceForm,
    FileExceptionForm,
    FileForm,
    FreezeForm,
    ModelExceptionForm,
    ModelForm,
    PinnedForm,
    PromptForm,
    RuleForm,
    until,
)
from mlgitops.system import files
from mlgitops.system.modules import folders_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def load(path: Path) -> Desired:
    """Read models.yaml.

    Raises:
        DesiredStateError: with every problem found.
    """
    return loads(read(path), str(path))


def load_or_empty(path: Path | None) -> Desired:
    """Like `load`; where there is no file, no models and the recipes' default package.

    Raises:
        DesiredStateError: with every problem found.
    """
    if path is not None:
        return load(path)
    here = Path("models.yaml")
    return Desired(file=str(here), models=MappingProxyType({}), folders=folders_of(here))


def read(path: Path) -> str:
    """The text of models.yaml.

    Raises:
        DesiredStateError: the file is missing, is not a file, or is not UTF-8.
    """
    try:
        return files.read_text(path, limit=MAX_BYTES)
    except FileNotFoundError:
        message = "does not exist; create it, or pass another file with --file"
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text (byte {error.start}); save it as UTF-8"
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
    raise DesiredStateError(
        [Problem(where=Where(file=str(path), line=1, column=1), message=message)]
    )


def loads(text: str, file: str, beside: Path | None = None) -> Desired:
    """Like `load`, for a text that is already in memory.

    Args:
        text: of models.yaml.
        file: named in problems.
        beside: the path beside which the team's own modules are looked for; `file` if None.

    Raises:
        DesiredStateError: with every problem found.
    """
    return source(text, file, beside).desired


def of_revision(text: str, file: Path, revision: str) -> Desired:
    """What a file said at a revision.

    One from before stages were declared is read with those that the file declares now, so that
    the commit that declares them can be compared with the one before.

    Raises:
        DesiredStateError: with every problem found.
    """
    try:
        now = replace(load(file), version=1)  # which allows every spelling of a stage
    except DesiredStateError:
        now = None
    return source(text, f"{file} of {revision}", file, now).desired


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A valid models.yaml: its text, what that says where, and what it means."""

    text: str
    document: Document
    desired: Desired


def source(
    text: str, file: str, beside: Path | None = None, within: Desired | None = None
) -> Source:
    """Like `loads`, for whoever edits the text.

    Args:
        text: of models.yaml, or of a part of it.
        file: named in problems.
        beside: as for `loads`.
        within: whose declaration of stages counts where the text has none.

    Raises:
        DesiredStateError: with every problem found.
    """
    document = parse(text, file)
    folders = folders_of(beside or Path(file))
    try:
        form = FileForm.model_validate(_given(document.data), context={"folders": folders})
    except ValidationError as error:
        of_form = [problems.flaw(document, one) for one in error.errors(include_url=False)]
        raise _refused(document, of_form) from None
    prompts = [*form.prompts]
    twice = [name for name in prompts if name in form.models]
    desired = _desired(form, document, folders)
    # a part of a file has the form of the file
    version = max(desired.version, within.version if within else 1)
    if within is not None and desired.stages.where is None:
        desired = replace(desired, version=within.version, stages=within.stages)
    found = [
        Flaw(path=path, where=document.where(path), message=message)
        for path, message in (
            *checks.of_form_2(desired, version, prompts),
            *checks.listed_twice(twice),
            *checks.findings(desired),
        )
    ]
    if found or document.problems:
        raise _refused(document, found)
    return Source(text=text, document=document, desired=desired)


def _given(data: Any) -> Any:
    """What a file says; one of prompts alone has no models."""
    return {MODELS: {}, **data} if isinstance(data, dict) and PROMPTS in data else data


def _refused(document: Document, flaws: Sequence[Flaw]) -> DesiredStateError:
    # to word a problem can take a hundred times longer than to find it, e.g. for the nearest name
    told = nsmallest(MOST, flaws, key=lambda flaw: (flaw.where.line, flaw.where.column))
    worded = [
        problem_at(path, where, said if isinstance(said, str) else said())
        for path, where, said in told
    ]
    return DesiredStateError(document.problems + worded, more=len(flaws) - len(told))


def _desired(form: FileForm, document: Document, folders: tuple[str, ...]) -> Desired:
    # each form goes when its model is there: the forms of thousands take more than the models
    models: dict[str, DesiredModel] = {}
    for section, forms in ((MODELS, form.models), (PROMPTS, form.prompts)):
        wheres = document.wheres((section,)) if forms else {}
        for name in [*forms]:
            at = (section, name)
            models.setdefault(name, _model(name, forms.pop(name), document, at, wheres[name]))
    return Desired(
        file=document.file,
        models=MappingProxyType(models),
        version=form.version,
        stages=_declared(form, document),
        recipes=form.recipes,
        folders=folders,
        owner=form.owner or "",
        freeze=_freeze(form.freeze, document, ()),
        allow=_exceptions(form.allow, document, ()),
    )


def _declared(form: FileForm, document: Document) -> DeclaredStages:
    if "stages" not in form.model_fields_set:
        return DeclaredStages()
    return stages.declared(form.stages, document.where(("stages",)))


def _model(
    name: str, form: ModelForm | PromptForm, document: Document, at: KeyPath, where: Where
) -> DesiredModel:
    recipes = form.versions if isinstance(form, ModelForm) else {}
    versions = document.wheres((*at, "versions")) if recipes else {}
    places = document.wheres((*at, "stages")) if form.stages else {}
    return DesiredModel(
        name=name,
        description=form.description,
        owners=tuple(form.owners),
        versions=MappingProxyType(
            {
                number: Recipe(
                    train=recipe.train,
                    params=MappingProxyType(recipe.params),
                    where=versions[number],
                )
                for number, recipe in sorted(recipes.items())
            }
        ),
        gates=MappingProxyType({stage: tuple(listed) for stage, listed in form.gates.items()}),
        stages=tuple(_stage(stage, held, places[stage]) for stage, held in form.stages.items()),
        where=where,
        freeze=_freeze(form.freeze, document, at),
        allow=_exceptions(form.allow, document, at),
        prompt=at[0] == PROMPTS,
        promote=MappingProxyType({name: _rule(one) for name, one in form.promote.items()}),
        blocked=MappingProxyType(
            {
                number: Blocked(reason=reason, where=document.where((*at, "blocked", number)))
                for number, reason in sorted(form.blocked.items())
            }
        ),
        announce=_recipients(form.announce),
        evaluation=_evaluation(form, document, at),
        metrics=MappingProxyType(form.metrics if isinstance(form, ModelForm) else {}),
    )


def _evaluation(form: ModelForm | PromptForm, document: Document, at: KeyPath) -> Evaluation | None:
    stated = form.evaluation if isinstance(form, ModelForm) else None
    if stated is None:
        return None
    where = document.where((*at, "evaluation"))
    return Evaluation(data=stated.data, target=stated.target, where=where)


def _recipients(form: AnnounceForm | None) -> tuple[str, ...]:
    named = (*form.repositories, *form.webhooks) if form else ()
    return tuple(dict.fromkeys(named))


def _rule(form: RuleForm | str) -> Rule:
    if isinstance(form, str):
        return Rule()
    stated = form.model_dump(exclude={"merge"}, exclude_none=True)
    return Rule(**stated, auto_merge=form.merge is not None)


def _freeze(form: FreezeForm | None, document: Document, at: KeyPath) -> Freeze | None:
    if form is None:
        return None
    where = document.where((*at, "freeze"))
    return Freeze(reason=form.reason, until=until(form.until), where=where)


def _exceptions(
    forms: Sequence[FileExceptionForm | ModelExceptionForm], document: Document, at: KeyPath
) -> tuple[GuardException, ...]:
    return tuple(
        GuardException(
            guard=form.guard,
            reason=form.reason,
            until=form.until,
            ends=until(form.until),
            where=document.where((*at, "allow", index)),
        )
        for index, form in enumerate(forms)
    )


def _stage(name: str, held: int | PinnedForm | None, where: Where) -> DesiredStage:
    if isinstance(held, PinnedForm):
        return DesiredStage(name=name, version=held.version, digest=held.digest, where=where)
    return DesiredStage(name=name, version=held, where=where)
