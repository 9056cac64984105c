"""The reasons that commits give: the trailer `Reason:`, as git-interpret-trailers(1) reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.history import paths
from mlgitops.system import git
from mlgitops.words import LONGEST_REASON, brief, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mlgitops.history.paths import Files

TRAILER = "Reason"
_VALUE = f"%(trailers:key={TRAILER},valueonly=true,unfold=true,separator=%x00)"
# whatever the user's settings are
_STATED = (
    *("-c", "trailer.separators=:", "rev-list", "--encoding=UTF-8", "--fixed-strings"),
    *("--regexp-ignore-case", f"--grep={TRAILER}:", f"--format={_VALUE}"),
)


def given(top: Path, tip: str, files: Files, commits: Sequence[str]) -> dict[str, str]:
    """Commit → the reason that it gives, or that the branch gives which it merges.

    Of a branch, the newest commit counts that gives a reason and changed one of the files.

    Args:
        top: the top folder of the work tree.
        tip: a commit.
        files: models.yaml and what it includes.
        commits: those on the first-parent line of `tip` that changed them.

    Raises:
        GitError: there is no such commit, or it cannot be read.
    """
    stated = _stated(top, tip)
    found = {commit: stated[commit] for commit in commits if commit in stated}
    merges = set(commits) - found.keys()
    if stated.keys() - found.keys() and merges:
        asked = ("rev-list", "--full-history", tip, "--", *files.specs)
        touching = git.run(top, *asked, environment=files.environment).split("\n")
        said = {commit: stated[commit] for commit in touching if commit in stated}
        for merge, branch in _merged(top, tip) if said else ():
            newest = next((said[commit] for commit in branch if commit in said), None)
            if newest and merge in merges:
                found[merge] = newest
    return found


def under_review(file: Path, base: str) -> str:
    """The newest reason that commits after a base give for their change of a file; else empty.

    Or for that of a file that it includes.

    Raises:
        GitError: there is no such commit.
    """
    place = paths.place(file)
    files = place.files(file)
    since = ("--full-history", "--end-of-options", f"{base}..HEAD")
    stated = _stated(place.top, *since, "--", *files.specs, environment=files.environment)
    return next(iter(stated.values()), "")


def _stated(
    place: Path, *commits: str, environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Commit → its reason, the newest first; of several in one commit, the last."""
    lines = git.run(place, *_STATED, *commits, environment=environment).split("\n")
    found = {}
    for head, value in zip(lines[::2], lines[1::2], strict=False):
        if said := brief(plain(value.rpartition("\0")[2]), LONGEST_REASON):
            found[head.removeprefix("commit ")] = said
    return found


def _merged(top: Path, tip: str) -> Iterator[tuple[str, list[str]]]:
    """Each merge on the first-parent line, and what it brought, the newest first."""
    listed = git.run(top, "rev-list", "--topo-order", "--parents", tip).split("\n")
    parents = {commit: of for commit, *of in map(str.split, listed)}
    line = list(_first_parents(listed[0].split()[0], parents))  # the tip comes first
    places = {commit: place for place, commit in enumerate(parents)}
    seen = set(line)
    for merge in reversed(line):
        branch, todo = [], list(parents[merge][1:])
        while todo:
            commit = todo.pop()
            if commit not in seen:
                seen.add(commit)
                branch.append(commit)
                todo += parents[commit]
        if branch:
            yield merge, sorted(branch, key=places.__getitem__)


def _first_parents(commit: str, parents: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield commit
    while parents[commit]:
        commit = parents[commit][0]
        yield commit
