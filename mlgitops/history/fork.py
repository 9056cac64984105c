"""Where a branch left another one: what a pull request is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.errors import RevisionError
from mlgitops.system import git

if TYPE_CHECKING:
    from pathlib import Path

_SHALLOW = (
    "; this clone is shallow: run `git fetch --unshallow`, or in a workflow set `fetch-depth: 0`"
)


def fork_of(file: Path, revision: str) -> str:
    """The newest commit that HEAD and a revision have in common, as for `git diff REV...`.

    Args:
        file: of the repository.
        revision: a commit, branch or tag.

    Raises:
        GitError: there is no git, or no repository.
        RevisionError: there is no such commit, or nothing in common.
    """
    place = file.resolve()
    named = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    commit = git.ask(place, *named)
    if commit is None:
        raise RevisionError(f"git knows no commit {revision!r}{_hint(place)}")
    fork = git.ask(place, "merge-base", commit, "HEAD")
    if fork is None:
        raise RevisionError(f"{revision!r} and HEAD have no commit in common{_hint(place)}")
    return fork


def _hint(place: Path) -> str:
    """What may help where git does not find a commit.

    Raises:
        GitError: there is no git, or no repository.
    """
    return _SHALLOW if git.run(place, "rev-parse", "--is-shallow-repository") == "true" else ""


def differing(file: Path, commit: str, tip: str = "") -> list[str]:
    """The files that are otherwise than in a commit, those that a rename removed included.

    Args:
        file: of the repository.
        commit: what is compared with.
        tip: another commit, since it left that one; the work tree if empty.

    Returns:
        Paths from the top of the work tree, without files that git does not follow.

    Raises:
        GitError: there is no such commit.
    """
    options = ("--name-only", "--no-renames", "--no-relative", "-z")
    between = f"{commit}...{tip}" if tip else commit
    return git.run(file.resolve(), "diff", *options, between, "--").split("\0")[:-1]
