"""The form of a model in models.yaml → what is desired of it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mlgitops.core.desired import (
    PROMPTS,
    Blocked,
    DesiredModel,
    DesiredStage,
    Evaluation,
    Freeze,
    GuardException,
    Recipe,
)
from mlgitops.core.directions import Meaning
from mlgitops.core.promotion import Rule
from mlgitops.file.schema import PinnedForm
from mlgitops.file.temporary import until

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from mlgitops.core.directions import Direction
    from mlgitops.core.gate import Gate
    from mlgitops.errors import Where
    from mlgitops.file.document import Document
    from mlgitops.file.reader import KeyPath, Place
    from mlgitops.file.schema import (
        AnnounceForm,
        EvaluationForm,
        MetricForm,
        ModelForm,
        PromptForm,
        RecipeForm,
        RuleForm,
        StageForm,
    )
    from mlgitops.file.temporary import FileExceptionForm, FreezeForm, ModelExceptionForm


@dataclass(frozen=True, slots=True)
class Entry:
    """What a file says of one model."""

    at: KeyPath
    document: Document
    data: Mapping[Hashable, Any]
    place: Place

    def wheres(self, key: str) -> Mapping[Hashable, Where]:
        """The places of all keys of the mapping at a key."""
        said = self.document
        inside = said.inside(self.place, self.data)
        return said.wheres(said.inside(inside[key], self.data[key]))

    def where(self, *path: Hashable) -> Where:
        """The place of something below it."""
        return self.document.where((*self.at, *path))


def model(name: str, form: ModelForm | PromptForm, entry: Entry, where: Where) -> DesiredModel:
    """What is desired of a model; most entries have few of the keys that there are."""
    given = form.model_fields_set
    made = {key: make(getattr(form, key), entry) for key, make in _MADE.items() if key in given}
    return DesiredModel(name=name, where=where, prompt=entry.at[0] == PROMPTS, **made)


def freeze(form: FreezeForm | None, document: Document, at: KeyPath) -> Freeze | None:
    """The freeze of a model, or of the whole file, whose path is empty."""
    if form is None:
        return None
    where = document.where((*at, "freeze"))
    return Freeze(reason=form.reason, until=until(form.until), where=where)


def exceptions(
    forms: Sequence[FileExceptionForm | ModelExceptionForm], document: Document, at: KeyPath
) -> tuple[GuardException, ...]:
    """The exceptions to guards of a model, or of the whole file, whose path is empty."""
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


def _versions(forms: Mapping[int, RecipeForm], entry: Entry) -> Mapping[int, Recipe]:
    places = entry.wheres("versions")
    return MappingProxyType(
        {
            number: Recipe(
                train=form.train, params=MappingProxyType(form.params), where=places[number]
            )
            for number, form in sorted(forms.items())
        }
    )


def _stages(forms: Mapping[str, StageForm], entry: Entry) -> tuple[DesiredStage, ...]:
    places = entry.wheres("stages")
    return tuple(_stage(name, held, places[name]) for name, held in forms.items())


def _stage(name: str, held: StageForm, where: Where) -> DesiredStage:
    if isinstance(held, PinnedForm):
        return DesiredStage(name=name, version=held.version, digest=held.digest, where=where)
    return DesiredStage(name=name, version=held, where=where)


def _gates(forms: Mapping[str, Sequence[Gate]], _: Entry) -> Mapping[str, tuple[Gate, ...]]:
    return MappingProxyType({stage: tuple(listed) for stage, listed in forms.items()})


def _rules(forms: Mapping[str, RuleForm | str], _: Entry) -> Mapping[str, Rule]:
    return MappingProxyType({stage: _rule(form) for stage, form in forms.items()})


def _rule(form: RuleForm | str) -> Rule:
    if isinstance(form, str):
        return Rule()
    stated = form.model_dump(exclude={"merge"}, exclude_none=True)
    return Rule(**stated, auto_merge=form.merge is not None)


def _blocked(forms: Mapping[int, str], entry: Entry) -> Mapping[int, Blocked]:
    return MappingProxyType(
        {
            number: Blocked(reason=reason, where=entry.where("blocked", number))
            for number, reason in sorted(forms.items())
        }
    )


def _announced(form: AnnounceForm | None, _: Entry) -> tuple[str, ...]:
    named = (*form.repositories, *form.webhooks) if form else ()
    return tuple(dict.fromkeys(named))


def _evaluation(form: EvaluationForm | None, entry: Entry) -> Evaluation | None:
    if form is None:
        return None
    return Evaluation(data=form.data, target=form.target, where=entry.where("evaluation"))


def _metrics(forms: Mapping[str, Direction | MetricForm], _: Entry) -> Mapping[str, Meaning]:
    return MappingProxyType({name: _meaning(form) for name, form in forms.items()})


def _meaning(form: Direction | MetricForm) -> Meaning:
    if isinstance(form, str):
        return Meaning(better=form)
    return Meaning(better=form.better, unit=form.unit or "")


# the keys of a model's form, and what becomes of their values
_MADE: Mapping[str, Callable[[Any, Entry], Any]] = {
    "description": lambda text, _: text,
    "owners": lambda names, _: tuple(names),
    "versions": _versions,
    "gates": _gates,
    "stages": _stages,
    "freeze": lambda form, entry: freeze(form, entry.document, entry.at),
    "allow": lambda forms, entry: exceptions(forms, entry.document, entry.at),
    "promote": _rules,
    "blocked": _blocked,
    "announce": _announced,
    "evaluation": _evaluation,
    "metrics": _metrics,
}
