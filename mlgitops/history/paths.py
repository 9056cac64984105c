"""Where git has models.yaml and what it includes, and the names by which git is asked for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors import DesiredStateError, GitError
from mlgitops.file import include, texts
from mlgitops.system import git

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mlgitops.file.include import Pattern


@dataclass(frozen=True, slots=True)
class Files:
    """models.yaml, and what it includes: now, or ever.

    Attributes:
        path: of models.yaml, from the top of the work tree.
        included: patterns, from its folder.
    """

    path: str
    included: tuple[Pattern, ...] = ()

    @property
    def folder(self) -> str:
        """The folder of models.yaml, with a slash at its end; empty at the top."""
        return self.path.rpartition("/")[0] + "/" if "/" in self.path else ""

    @property
    def specs(self) -> tuple[str, ...]:
        """Git's pathspecs for all of them; to be taken with `environment`."""
        if not self.included:
            return (self.path,)
        return f":(top,literal){self.path}", *include.specs(self.folder, self.included)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of git with which it takes the pathspecs as they are meant."""
        return git.PATTERNS if self.included else {}

    def has(self, path: str) -> bool:
        """Whether it is one of them."""
        return path == self.path or bool(self.among([path]))

    def among(self, paths: Iterable[str]) -> list[str]:
        """Those of some paths that are included, in order."""
        start = len(self.folder)
        inside = (one[start:] for one in paths if one.startswith(self.folder) and one != self.path)
        return [self.folder + one for one in include.matching(self.included, inside)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a file is: the top folder of its work tree, and its path from there."""

    top: Path
    path: str
    shallow: bool

    def files(self, file: Path) -> Files:
        """The file of this place, with what it includes in the work tree."""
        return Files(self.path, _included(file))


def place(file: Path) -> Place:
    """Where git has a file; of a link, where it leads.

    Raises:
        GitError: there is no git, or no repository.
    """
    real = file.resolve()
    try:
        told = git.run(real, "rev-parse", "--is-shallow-repository", "--show-cdup")
    except GitError as error:
        if not file.is_symlink():
            raise
        raise GitError(
            f"{file} is a link to {real}, whose history cannot be read: {error}"
        ) from None
    shallow, _, up = told.partition("\n")
    top = (real.parent / up).resolve()
    return Place(top=top, path=real.relative_to(top).as_posix(), shallow=shallow == "true")


def files_of(file: Path) -> Files:
    """models.yaml and what it includes in the work tree; by its name alone outside of git."""
    try:
        return place(file).files(file)
    except GitError:
        return Files(file.name, _included(file))


def _included(file: Path) -> tuple[Pattern, ...]:
    try:
        return tuple(include.usable(texts.patterns(file)))
    except DesiredStateError:
        return ()
