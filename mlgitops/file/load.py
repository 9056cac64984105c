"""models.yaml → Desired: every problem of form and meaning at once, each with its place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from heapq import nsmallest
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mlgitops.core.desired import (
    MODELS,
    PROMPTS,
    Desired,
    DesiredModel,
)
from mlgitops.core.stage import DeclaredStages
from mlgitops.errors import MOST, DesiredStateError, Problem
from mlgitops.file import checks, stages
from mlgitops.file.deployments import DEPLOYMENTS, deployment
from mlgitops.file.document import Document, parse
from mlgitops.file.formed import formed
from mlgitops.file.models import Entry, exceptions, freeze, model
from mlgitops.file.problems import Flaw
from mlgitops.file.reader import KeyPath, problem_at
from mlgitops.file.schema import (
    FileForm,
    IncludedForm,
)
from mlgitops.file.texts import Texts, read
from mlgitops.system.modules import folders_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlgitops.file.texts import Included


SPELLED_FREELY = 1  # the version of the form that allows every spelling of a stage


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


def loads(text: str | Texts, file: str, beside: Path | None = None) -> Desired:
    """Like `load`, for texts that are already in memory.

    Args:
        text: of models.yaml, alone or with what it includes.
        file: named in problems.
        beside: the path beside which the team's own modules are looked for; `file` if None.

    Raises:
        DesiredStateError: with every problem found.
    """
    return source(text, file, beside).desired


def of_revision(text: str | Texts, file: Path, revision: str) -> Desired:
    """What a file said at a revision, with what it included.

    One from before stages were declared is read with those that the file declares now, so that
    the commit that declares them can be compared with the one before.

    Raises:
        DesiredStateError: with every problem found.
    """
    try:
        now = replace(load(file), version=SPELLED_FREELY)
    except DesiredStateError:
        now = None
    return source(text, f"{file} of {revision}", file, now).desired


def completed(desired: Desired, within: Desired) -> Desired:
    """A desired state that declares no stages, with those of another, in the form of that one."""
    if desired.stages.where is not None:
        return desired
    return replace(desired, version=within.version, stages=within.stages)


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A valid models.yaml: its texts, what that of the file says where, and what they mean."""

    texts: Texts
    document: Document
    desired: Desired

    @property
    def text(self) -> str:
        """The text of the file, without what it includes."""
        return self.texts.text

    def holding(self, model: str) -> Source:
        """The file that has a model, as a file of its own; this one, where it includes none."""
        return self.file(self.desired.models[model].where.file)

    def file(self, name: str) -> Source:
        """One of the files as a file of its own; this one, where it includes none."""
        if not self.texts.included:
            return self
        return source(self.texts.of(name), name, within=self.desired)


def source(
    text: str | Texts, file: str, beside: Path | None = None, within: Desired | None = None
) -> Source:
    """Like `loads`, for whoever edits the texts.

    Args:
        text: of models.yaml with what it includes, of one of these, or of a part of one.
        file: named in problems.
        beside: as for `loads`.
        within: whose declaration of stages counts where the text has none.

    Raises:
        DesiredStateError: with every problem found, in all files.
    """
    texts = text if isinstance(text, Texts) else Texts(text=text)
    document = texts.document or parse(texts.text, file)
    folders = within.folders if within else folders_of(beside or Path(file))
    included, unread = _parsed(texts.included)
    broken = [*texts.problems, *unread]
    documents = [document, *included]
    found = formed(documents, folders)
    if not found.forms:
        raise _refused(documents, found.flaws, broken)
    form, *others = found.forms
    assert isinstance(form, FileForm), "models.yaml comes first"
    listed = [(form, document), *zip(others, included, strict=True)]
    prompts = [name for one, _ in listed for name in one.prompts]
    homes, clashing = _homes(listed)
    desired = _desired(form, listed, folders)
    # a part of a file has the form of the file
    version = max(desired.version, within.version if within else 1)
    if within is not None:
        desired = completed(desired, within)
    meant = (
        *checks.of_form_2(desired, version, prompts, including=bool(form.include)),
        *checks.findings(desired),
    )
    flaws = [
        *found.flaws,
        *clashing,
        *(
            Flaw(path=path, where=homes.get(path[:2], document).where(path), message=message)
            for path, message in found.believed(meant, desired)
        ),
    ]
    if flaws or broken or any(one.problems for one in documents):
        raise _refused(documents, flaws, broken)
    return Source(texts=texts, document=document, desired=desired)


def _parsed(included: Iterable[Included]) -> tuple[list[Document], list[Problem]]:
    """What included files say, and what is wrong with those that are not YAML."""
    documents: list[Document] = []
    unread: list[Problem] = []
    for one in included:
        try:
            documents.append(parse(one.text, one.name))
        except DesiredStateError as error:
            unread += error.problems
    return documents, unread


_Listed = list[tuple[FileForm | IncludedForm, Document]]


def _homes(listed: _Listed) -> tuple[Mapping[KeyPath, Document], list[Flaw]]:
    """Which file has what that models.yaml itself does not have; and what is listed twice."""
    first: dict[str, tuple[str, Document]] = {}
    homes: dict[KeyPath, Document] = {}
    twice = []
    for form, document in listed:
        for section, names in ((MODELS, form.models), (PROMPTS, form.prompts)):
            for name in names:
                other, place = first.setdefault(name, (section, document))
                path: KeyPath = (section, name)
                if document is not listed[0][1]:
                    homes.setdefault(path, document)
                if (other, place) == (section, document):
                    continue
                if place is document:
                    message = checks.listed_twice(name)
                else:
                    message = checks.in_two_files(name, place.where((other, name)))
                twice.append(Flaw(path=path, where=document.where(path), message=message))
    return homes, twice


def _refused(
    documents: Iterable[Document], flaws: Sequence[Flaw], broken: Iterable[Problem]
) -> DesiredStateError:
    # to word a problem can take a hundred times longer than to find it, e.g. for the nearest name
    told = nsmallest(MOST, flaws, key=lambda flaw: flaw.where.order)
    worded = [
        problem_at(path, where, said if isinstance(said, str) else said())
        for path, where, said in told
    ]
    of_text = [one for document in documents for one in document.problems]
    return DesiredStateError([*broken, *of_text, *worded], more=len(flaws) - len(told))


def _desired(form: FileForm, listed: _Listed, folders: tuple[str, ...]) -> Desired:
    document = listed[0][1]
    # each form goes when its model is there: the forms of thousands take more than the models
    models: dict[str, DesiredModel] = {}
    sections: list[tuple[str, dict[str, Any], Document]]
    sections = [(MODELS, of.models, one) for of, one in listed]
    sections += [(PROMPTS, of.prompts, one) for of, one in listed]
    for section, forms, said in sections:
        places = said.children((section,)) if forms else {}
        wheres = said.wheres(places)
        for name in [*forms]:
            entry = Entry((section, name), said, said.data[section][name], places[name])
            models.setdefault(name, model(name, forms.pop(name), entry, wheres[name]))
    return Desired(
        file=document.file,
        models=MappingProxyType(models),
        version=form.version,
        stages=_declared(form, document),
        recipes=form.recipes,
        folders=folders,
        owner=form.owner or "",
        freeze=freeze(form.freeze, document, ()),
        allow=exceptions(form.allow, document, ()),
        images=(form.images or "").rstrip("/"),
        include=tuple([form.include] if isinstance(form.include, str) else form.include),
        deployments=MappingProxyType(
            {
                name: deployment(name, one, document.where((DEPLOYMENTS, name)))
                for name, one in form.deployments.items()
            }
        ),
    )


def _declared(form: FileForm, document: Document) -> DeclaredStages:
    if "stages" not in form.model_fields_set:
        return DeclaredStages()
    return stages.declared(form.stages, document.where(("stages",)))
