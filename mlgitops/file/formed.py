"""The forms of models.yaml and of what it includes; where one has flaws, of all else in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mlgitops.core.desired import MODELS, PROMPTS
from mlgitops.file import checks, problems
from mlgitops.file.deployments import DEPLOYMENTS
from mlgitops.file.include import INCLUDE
from mlgitops.file.schema import FileForm, IncludedForm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mlgitops.core.desired import Desired
    from mlgitops.file.document import Document
    from mlgitops.file.problems import Flaw
    from mlgitops.file.reader import KeyPath

_PARTS = ("gates", "stages", "versions")  # of a model, whose entries can be left out one by one
# the lengths of paths, such as ("models", "wind") and ("models", "wind", "stages", "Production")
_MODEL, _ENTRY = 2, 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Formed:
    """What files say.

    Attributes:
        forms: one of each file; none if too little of one has its form.
        flaws: where they do not have their form.
        left_out: the entries of models, and the models, that the forms lack because of that.
    """

    forms: Sequence[FileForm | IncludedForm]
    flaws: Sequence[Flaw]
    left_out: frozenset[KeyPath]

    def believed(self, found: Iterable[checks.Flaw], desired: Desired) -> Iterator[checks.Flaw]:
        """Those findings that do not come of what was left out.

        Of a model that lacks something, the names of stages can be judged, and nothing else.
        """
        odd = {path[:_MODEL] for path in self.left_out}
        lost = any(len(path) == _MODEL for path in self.left_out)
        named = {path for path, _ in checks.not_as_declared(desired)} if odd else set()
        for path, message in found:
            of_lost = lost and path[0] == DEPLOYMENTS
            if path in named or not (of_lost or path[:_MODEL] in odd):
                yield path, message


def formed(documents: Sequence[Document], folders: tuple[str, ...]) -> Formed:
    """The forms of models.yaml, which comes first, and of what it includes."""
    forms: list[FileForm | IncludedForm] = []
    flaws: list[Flaw] = []
    left_out: set[KeyPath] = set()
    for index, document in enumerate(documents):
        kind = IncludedForm if index else FileForm
        given = _given(document.data)
        try:
            forms.append(kind.model_validate(given, context={"folders": folders}))
        except ValidationError as error:
            found = error.errors(include_url=False)
            wrong = [problems.flaw(document, one, included=index > 0) for one in found]
            flaws += wrong
            cut = {_entry(one.path) for one in wrong}
            left_out |= cut
            forms += _rest(kind, given, cut, folders)
    whole = len(forms) == len(documents)
    return Formed(forms=forms if whole else (), flaws=flaws, left_out=frozenset(left_out))


def _given(data: Any) -> Any:
    """What a file says; one of prompts alone has no models, or one that includes others."""
    alone = isinstance(data, dict) and (PROMPTS in data or INCLUDE in data)
    return {MODELS: {}, **data} if alone else data


def _entry(path: KeyPath) -> KeyPath:
    """What must be left out for what is wrong at a path."""
    is_entry = len(path) >= _ENTRY and path[_MODEL] in _PARTS
    return path[: _ENTRY if is_entry else _MODEL]


def _rest(
    kind: type[FileForm | IncludedForm],
    given: Any,
    cut: Iterable[KeyPath],
    folders: tuple[str, ...],
) -> Iterator[FileForm | IncludedForm]:
    """The form of a file without some entries; none if that is not enough."""
    if any(len(path) < _MODEL or path[0] not in (MODELS, PROMPTS) for path in cut):
        return
    left = {key: dict(value) if key in (MODELS, PROMPTS) else value for key, value in given.items()}
    for section, name, *inside in cut:
        models = left[section]
        if not inside:
            models.pop(name, None)
        elif name in models:
            part, key = inside
            entries = dict(models[name][part])
            entries.pop(key, None)
            models[name] = {**models[name], part: entries}
    try:
        yield kind.model_validate(left, context={"folders": folders})
    except ValidationError:
        return
