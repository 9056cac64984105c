"""Whose change a change is: of the commit that last changed its entry of models.yaml."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from mlgitops.core.stamp import Author
from mlgitops.errors import AuthorsFileError, GitError
from mlgitops.history import author
from mlgitops.history.revisions import revisions_of
from mlgitops.history.stays import timeline
from mlgitops.system import forms, git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from mlgitops.core.plan import Change
    from mlgitops.history.stays import Stay

Authors = dict[str, Author]  # by commit


@dataclass(frozen=True, kw_only=True)
class Entries:
    """Tells whose change each change of a models.yaml is.

    Git's history is read once, and only if it is asked for.

    Attributes:
        file: models.yaml.
        commit, actor, pull_request: what holds for every change, whatever its entry says.
        known: by commit, what the repository's host knows of it.
        warn: is told why git cannot answer.
    """

    file: Path
    commit: str | None = None
    actor: str | None = None
    pull_request: str | None = None
    known: Mapping[str, Author] = field(default_factory=lambda: MappingProxyType({}))
    warn: Callable[[str], None] = lambda _: None

    def __call__(self, change: Change) -> Author:
        """The author of a change.

        An entry that is not in a commit is of whoever applies it, as is every entry where git has
        no history of the file.
        """
        stay = None if self.commit else self._last.get((change.model, change.alias))
        if stay is None or stay.version != change.new:
            found = self._of_run
        else:
            found = Author(
                commit=stay.commit,
                actor=stay.by,
                pull_request=stay.pull_request,
                reason=stay.reason,
            )
        reason = _undoing(change) if change.drift and change.heals else found.reason
        found = replace(self.known.get(found.commit, found), reason=reason)
        return replace(
            found,
            actor=self.actor or found.actor,
            pull_request=self.pull_request or found.pull_request,
        )

    @cached_property
    def _of_run(self) -> Author:
        found = author.find(self.file, commit=self.commit, actor=self.actor, pull_request=None)
        if found.commit == author.UNCOMMITTED:
            self.warn(author.warning(self.file))
        return found

    @cached_property
    def _last(self) -> Mapping[tuple[str, str], Stay]:
        """The last stay of every stage that was ever declared, by model and alias."""
        try:
            stays = timeline(revisions_of(self.file), None)
        except GitError as error:
            if git.ask(self.file, "rev-parse", "--is-shallow-repository") == "true":
                self.warn(f"stamps name the commit that is checked out, not each change's: {error}")
            return {}
        return {stay.slot: stay for stay in stays}


def _undoing(change: Change) -> str:
    """Why a stage is put back that somebody moved by hand: no commit says it."""
    moved = "emptied" if change.old is None else f"moved to version {change.old}"
    return f"undoes drift: the stage was {moved} outside models.yaml"


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    """The form of the file that `mlgitops github author` leaves for `plan` and `apply`."""

    kind: Literal["mlgitops authors"] = "mlgitops authors"
    version: Literal[1] = 1
    authors: Authors


_FORM = TypeAdapter(_File)


def write(path: Path, authors: Iterable[Author]) -> None:
    """Write what is known of commits.

    Raises:
        FileWriteError: it cannot be written.
    """
    document = _File(authors={one.commit: one for one in authors})
    forms.write(path, _FORM, document)


def read(path: Path) -> Authors:
    """What `write` wrote, by commit.

    Raises:
        AuthorsFileError: the file is missing, or not one of `write`.
    """
    try:
        return forms.read(path, _FORM, strict=False).authors
    except OSError as error:
        raise AuthorsFileError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        raise AuthorsFileError(
            f"{path} does not say whose changes they are; `mlgitops github author` writes it"
        ) from error
