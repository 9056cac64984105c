"""Which models `plan` is about: by what changed since a commit, in models.yaml or what it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from mlgitops.cli.terms import base_of
from mlgitops.errors import DesiredStateError, UsageError
from mlgitops.file.load import source

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.core.desired import Desired
    from mlgitops.core.scope import Scope
    from mlgitops.file.load import Source
    from mlgitops.file.texts import Texts

changed_since_option = click.option(
    "--changed-since",
    "since",
    metavar="REV",
    help="Plan only the models that changed, by entry or files, since HEAD left REV.",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """What models.yaml says, and what is to be done with it.

    Attributes:
        base: what it said without what is under review; None if all of it is.
        scope: which models are meant; None: all that the command line names.
    """

    desired: Desired
    base: Desired | None
    scope: Scope | None


def declared(
    texts: Texts, file: Path, *, base: str | None, since: str | None, models: tuple[str, ...]
) -> Declared:
    """Read models.yaml, and what it was at up to two commits.

    Args:
        texts: of the file and of what it includes.
        file: its path.
        base: what --base names.
        since: what --changed-since names.
        models: those that the command line names.

    Raises:
        UsageError: it names models beside --changed-since.
        DesiredStateError: the file is not valid.
        GitError: a commit does not exist, or cannot be compared with.
    """
    if since is not None and models:
        raise UsageError("--changed-since says which models are meant; name none beside it")
    now = source(texts, str(file))
    scope = None if since is None else _scope(now, file, since)
    return Declared(desired=now.desired, base=base_of(file, base, now), scope=scope)


def _scope(now: Source, file: Path, since: str) -> Scope:
    from mlgitops.core.scope import Scope, scope_since
    from mlgitops.file.earlier import earlier
    from mlgitops.history import paths
    from mlgitops.history.fork import differing, fork_of
    from mlgitops.history.named import named
    from mlgitops.history.revisions import texts_at

    commit = fork_of(file, since)
    try:
        texts = texts_at(file, commit, now.texts)
        before = None if texts is None else earlier(texts, file, since, now)
    except DesiredStateError:
        said = f"{file} of {since} ({commit[:7]}) is not valid"
        return Scope(models=None, why=said, commit=commit)
    place = paths.place(file)
    declaring = paths.Files(place.path, now.texts.patterns)
    others = [one for one in differing(file, commit) if not declaring.has(one)]
    touched = named(now.desired, place).models(others) if others else ()
    return scope_since(since, commit, before, now.desired, touched)
