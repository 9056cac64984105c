"""The texts that say what is desired: that of models.yaml, and those of the files it includes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlgitops.errors import DesiredStateError, Problem, Where
from mlgitops.file import include
from mlgitops.file.document import MAX_BYTES, Document, parse
from mlgitops.file.reader import problem_at
from mlgitops.system import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path


_ITSELF = ((include.INCLUDE,), "includes this very file; name others")


@dataclass(frozen=True, kw_only=True, slots=True)
class Included:
    """A file that models.yaml includes.

    Attributes:
        path: from the folder of models.yaml.
        name: in problems; in the work tree, where it is written.
    """

    path: str
    name: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Texts:
    """The text of models.yaml, and those of the files it includes, sorted by path.

    Attributes:
        document: that of models.yaml, where it had to be read to know what it includes.
        problems: what is wrong with what it includes.
    """

    text: str
    included: tuple[Included, ...] = ()
    document: Document | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def patterns(self) -> tuple[include.Pattern, ...]:
        """What models.yaml includes, as patterns."""
        found = include.patterns(self.document.data) if self.document else ()
        return tuple(include.usable(found))

    @property
    def whole(self) -> str:
        """All texts in one, for a digest: that of models.yaml alone, where it includes none."""
        return self.text + "".join(f"\0{one.path}\0{one.text}" for one in self.included)

    def with_text(self, name: str, text: str) -> Texts:
        """The same with another text of the file of a name."""
        included = tuple(replace(o, text=text) if o.name == name else o for o in self.included)
        if included == self.included:
            return replace(self, text=text, document=None)
        return replace(self, included=included)

    def of(self, name: str) -> str:
        """The text of the file of a name, as problems say it; else that of models.yaml."""
        return next((one.text for one in self.included if one.name == name), self.text)


def folder_of(path: Path) -> Path:
    """The folder that the patterns of a models.yaml start from: of a link, where it leads."""
    return path.resolve().parent if path.is_symlink() else path.parent


def read(path: Path) -> Texts:
    """The texts of models.yaml and of what it includes.

    Raises:
        DesiredStateError: models.yaml is missing, is not a file, is not UTF-8, or includes files
            and is not YAML.
    """
    text = _text(path)
    document = including(text, str(path))
    if document is None:
        return Texts(text=text)
    base = folder_of(path)
    paths, wrong = include.listed(base, include.patterns(document.data))
    problems = _placed(document, wrong)
    own = path.resolve().name  # in that very folder, and none of the paths is a link
    found = []
    for one in paths:
        if one == own:
            problems += _placed(document, [_ITSELF])
            continue
        try:
            found.append(Included(path=one, name=str(base / one), text=_text(base / one)))
        except DesiredStateError as error:
            problems += error.problems
    return Texts(text=text, included=tuple(found), document=document, problems=tuple(problems))


def among(
    text: str,
    file: str,
    own: str,
    paths: Callable[[Sequence[include.Pattern]], Iterable[str]],
    texts: Callable[[Sequence[str]], Mapping[str, str | None]],
    name: Callable[[str], str],
) -> Texts:
    """The same for a models.yaml that is not in the work tree.

    Args:
        text: of models.yaml.
        file: its name in problems.
        own: its path from its folder.
        paths: the files that there are for patterns, from the folder of models.yaml.
        texts: the texts of some of them by path; None for what is no text, such as a link.
        name: how problems name one.

    Raises:
        DesiredStateError: it includes files and is not YAML.
    """
    document = including(text, file)
    if document is None:
        return Texts(text=text)
    said = include.patterns(document.data)
    wrong = [(one.at, one.trouble) for one in said if one.trouble is not None]
    usable = include.usable(said)
    there = list(paths(usable))
    wrong += [
        (one.at, include.nothing(one)) for one in usable if not include.matching([one], there)
    ]
    named = include.matching(usable, there)
    wrong += [_ITSELF] if own in named else []
    found = texts([one for one in named if one != own])
    at = (include.INCLUDE,)
    wrong += [(at, f"{path} is a link, or no text") for path, one in found.items() if one is None]
    return Texts(
        text=text,
        included=tuple(
            Included(path=path, name=name(path), text=one)
            for path, one in found.items()
            if one is not None
        ),
        document=document,
        problems=tuple(_placed(document, wrong)),
    )


def patterns(path: Path) -> list[include.Pattern]:
    """The patterns of a models.yaml in the work tree, whether they match or not.

    Raises:
        DesiredStateError: it cannot be read.
    """
    document = including(_text(path), str(path))
    return [] if document is None else include.patterns(document.data)


def including(text: str, file: str) -> Document | None:
    """What a models.yaml says, if it may include files: a large one is not read twice.

    Raises:
        DesiredStateError: it is not YAML.
    """
    if include.INCLUDE not in text:
        return None
    document = parse(text, file)
    data = document.data
    return document if isinstance(data, dict) and include.INCLUDE in data else None


def _placed(document: Document, wrong: Iterable[tuple[tuple[object, ...], str]]) -> list[Problem]:
    return [problem_at(at, document.where(at), message) for at, message in wrong]


def _text(path: Path) -> str:
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
