"""What git knows of models.yaml and what it includes: its revisions on HEAD's first-parent line."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlgitops.errors import GitError
from mlgitops.file.texts import among, folder_of
from mlgitops.history import export, owner, paths
from mlgitops.history.paths import Files
from mlgitops.history.reasons import given
from mlgitops.system import git
from mlgitops.words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mlgitops.file.include import Pattern
    from mlgitops.file.texts import Texts
    from mlgitops.history.declared import Stages
    from mlgitops.history.export import Commit
    from mlgitops.history.paths import Place

_BLANK = re.compile(r"\n\s*\n")
# how hosts name a request, and its sign there: GitHub; Gitea; Azure DevOps; Bitbucket; GitHub and
# others when they squash
_OF_SUBJECT = (
    (re.compile(r"Merge pull request #([0-9]+) "), ""),
    (re.compile(r"Merge pull request '.*' \(#([0-9]+)\) from "), ""),
    (re.compile(r"Merged PR ([0-9]+): "), "!"),
    (re.compile(r".*\((?:pull request )?#([0-9]+)\)$"), ""),
)
_OF_GITLAB = re.compile(r"^See merge request \S*?(?:!|/merge_requests/)([0-9]+)\s*$", re.MULTILINE)
# merges whose subject names branches only
_OF_BRANCHES = re.compile(r"Merge pull request #[0-9]+ |Merge branch '|Merged in ")
# by `git pull`, where others had pushed to the same branch meanwhile
_PULL = re.compile(
    r"Merge (?:branch '(.+)' of (.+?)|remote-tracking branch 'origin/(.+)')(?: into (\S+))?"
)
_MOVED = ("diff-tree", "-r", "-B", "-M", "-l1000", "--raw", "-z")
_SHALLOW = (
    "the clone is shallow; run `git fetch --unshallow`, or in a workflow set `fetch-depth: 0`"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """A commit that changed the file, or one that it includes.

    Attributes:
        time: when it came onto this line of history: the committer's time. Where clocks contradict
            the order of commits, those of the fewest count as wrong: such a commit has the time of
            the one before it.
        pull_request: its number, as hosts write it into the message of a merge or a squash; with
            `!` before it where the host writes it so.
        stages: what the file declared; nothing where the commit removed it, and None where it could
            not be read.
        reason: why it was changed, as the commit says, or the branch that it merged; may be empty.
        also: the commits after it on this line that left the file as it is.
    """

    commit: str
    time: datetime
    author: str
    subject: str
    pull_request: str | None
    stages: Stages | None
    reason: str = ""
    also: tuple[str, ...] = ()


def revisions_of(file: Path) -> tuple[Revision, ...]:
    """The commits that changed a file, or one that it includes, oldest first.

    A merge counts as one commit: what a branch tried before it was merged was never declared.
    Where the merge is a `git pull` of this branch's own origin, what was pushed before it is the
    history, and the commits of the clone are the branch. A file that was renamed or moved is
    followed to where it was before, and a link to where it leads.

    Raises:
        GitError: there is no git, no repository, no such file in it, or the history is cut off.
    """
    place = paths.place(file)
    if place.shallow:
        raise GitError(_SHALLOW)
    reasons: dict[str, str] = {}
    try:
        found = _commits(place, "HEAD", place.path, reasons)
    except GitError:
        if git.ask(file, "rev-parse", "--verify", "--quiet", "HEAD"):
            raise
        found = ()  # there is no commit at all
    if not found:
        raise GitError(f"no commit on this branch has {file}; commit it first")
    line = list(_line(place, [one.name for one in reversed(found) if _is_pull(one, place)]))
    revisions = [replace(_revision(one), reason=reasons.get(one.name, "")) for one in found]
    return tuple(_with_line(revisions, line[::-1]))


def head_time(file: Path) -> datetime:
    """When the newest commit came onto this line of history that changed a file.

    Or a file that it includes now.

    Returns:
        The committer's time, in UTC.

    Raises:
        GitError: no commit has the file, or the clone is too shallow to know.
    """
    place = paths.place(file)
    files = place.files(file)
    newest = ("rev-list", "--first-parent", "--max-count=1", "--timestamp", "HEAD")
    asked = (*newest, "--", *files.specs)
    seconds, _, commit = git.run(place.top, *asked, environment=files.environment).partition(" ")
    if not commit:
        raise GitError(f"no commit on this branch has {file}; commit it first")
    if place.shallow and not git.ask(place.top, "rev-parse", "--verify", f"{commit}^"):
        raise GitError(_SHALLOW)
    return datetime.fromtimestamp(int(seconds), UTC)


def texts_at(file: Path, revision: str, now: Texts | None = None) -> Texts | None:
    """The texts of a file and of what it included at a revision; None if it is not there.

    Both are where they were by then, as git's tree has them.

    Args:
        file: models.yaml.
        revision: a commit, branch or tag.
        now: the texts of the work tree: git is not asked again for those that it has alike.

    Raises:
        GitError: the revision does not exist.
        DesiredStateError: it included files and is not YAML.
    """
    place = paths.place(file)
    commit = git.run(
        place.top, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"
    )
    path: str | None = place.path
    text = git.ask(place.top, "cat-file", "blob", f"{commit}:{path}")
    if text is None:
        path = _former(place.top, commit, "HEAD", place.path)
        text = git.ask(place.top, "cat-file", "blob", f"{commit}:{path}") if path else None
    if text is None or path is None:
        return None
    known = {} if now is None else {one.path: one.text for one in now.included}
    tree = _Tree(place.top, commit, Files(path).folder, known)
    base = folder_of(file)
    return among(
        text,
        f"{file} of {revision}",
        own=path.rpartition("/")[2],
        paths=tree.paths,
        texts=tree.texts,
        name=lambda one: f"{base / one} of {revision}",
    )


class _Tree:
    """The files of a folder in a commit."""

    def __init__(self, top: Path, commit: str, folder: str, known: Mapping[str, str]) -> None:
        self._top, self._commit, self._folder, self._known = top, commit, folder, known
        self._blobs: dict[str, str | None] = {}  # path → object; None for what is no file

    def paths(self, patterns: Sequence[Pattern]) -> list[str]:
        """Those that patterns may name."""
        if not patterns:
            return []
        folders = {f"{self._folder}{one.folder}".rstrip("/") for one in patterns}
        below = () if "" in folders else ("--", *sorted(folders))
        listed = git.run(self._top, "ls-tree", "-r", "-z", "--full-tree", self._commit, *below)
        for line in filter(None, listed.split("\0")):
            about, _, path = line.partition("\t")
            mode, _, name = about.split(" ")
            if path.startswith(self._folder):
                is_file = mode.startswith("100")
                self._blobs[path.removeprefix(self._folder)] = name if is_file else None
        return list(self._blobs)

    def texts(self, paths: Sequence[str]) -> dict[str, str | None]:
        """The texts of some of them; of those that are not known, in one call of git."""
        objects = {path: blob for path in paths if (blob := self._blobs[path])}
        said = {
            blob: self._known[path]
            for path, blob in objects.items()
            if path in self._known and git.object_name(self._known[path], blob) == blob
        }
        wanted = [blob for blob in objects.values() if blob not in said]
        said |= zip(wanted, git.blobs(self._top, wanted), strict=True) if wanted else ()
        return {path: said.get(self._blobs[path] or "") for path in paths}


def _commits(place: Place, tip: str, path: str, reasons: dict[str, str]) -> tuple[Commit, ...]:
    """The commits that changed a file, under the names that it had; adds the reasons they give."""
    files, found = export.commits(place.top, tip, path)
    names = [one.name for one in found]
    reasons |= given(place.top, tip, files, names) if names else {}
    for index in reversed(range(len(found))):
        one = found[index]
        if _is_pull(one, place):
            return (*_commits(place, f"{one.name}^2", path, reasons), *found[index:])
        if one.there and (index == 0 or not found[index - 1].there):
            before = f"{one.name}^"
            if former := _former(place.top, before, one.name, path):
                return (*_commits(place, before, former, reasons), *found[index:])
    return found


def _is_pull(commit: Commit, place: Place) -> bool:
    match = _PULL.fullmatch(commit.message.split("\n", 1)[0])
    if match is None or match[4] not in (None, match[1] or match[3]):
        return False
    return match[2] is None or owner.of_remote(match[2]) == owner.of_origin(place.top)


def _line(place: Place, pulls: Sequence[str]) -> Iterator[str]:
    """The commits of this line of history, the newest first: it turns where there was a pull."""
    tip = "HEAD"
    for pull in (*pulls, ""):
        listed = git.run(place.top, "rev-list", "--first-parent", tip).split("\n")
        yield from listed[: listed.index(pull) + 1] if pull else listed
        tip = f"{pull}^2"


def _former(top: Path, old: str, new: str, path: str) -> str | None:
    """The name that a file had in an older commit, by git's own measure; None if it had none.

    That of a file from which it was only copied is not; but a link may have taken its place.
    """
    fields = (git.ask(top, *_MOVED, old, new) or "").split("\0")
    sources: dict[str, str] = {}  # status → where the file comes from
    linked: set[str] = set()
    at = iter(fields)
    while head := next(at, ""):
        status, name = head.rpartition(" ")[2][0], next(at)
        if status == "T":
            linked.add(name)
        elif status in "RC" and next(at) == path:
            sources[status] = name
    copied = sources.get("C")
    return sources.get("R") or (copied if copied in linked else None)


def _with_line(revisions: Sequence[Revision], line: Sequence[str]) -> Iterator[Revision]:
    """Revisions with the commits between them, and with times that never run backwards."""
    places = {commit: index for index, commit in enumerate(line)}
    begins = [places[one.commit] for one in revisions]
    times = _in_order([one.time for one in revisions])
    ends = [*begins[1:], len(line)]
    for one, time, begin, end in zip(revisions, times, begins, ends, strict=True):
        yield replace(one, time=time, also=tuple(line[begin + 1 : end]))


def _in_order(times: Sequence[datetime]) -> Iterator[datetime]:
    """Times that never run backwards; as many as can be stay as they are.

    Those are a longest run of times in order, found from its end: `last[n]` is the latest time that
    a run of n + 1 can begin with, negated as bisecting wants it.
    """
    last: list[float] = []
    lengths = []  # of the longest run that begins with each time, the last one first
    for time in reversed(times):
        at = bisect_right(last, -time.timestamp())
        last[at : at + 1] = [-time.timestamp()]
        lengths.append(at + 1)
    runs = list(zip(times, reversed(lengths), strict=True))
    left = len(last)
    kept = next(time for time, length in runs if length == left)
    for time, length in runs:
        if length == left and time >= kept:
            kept, left = time, left - 1
        yield kept


def _revision(commit: Commit) -> Revision:
    head, *rest = _BLANK.split(commit.message.strip(), maxsplit=1)
    subject, body = one_line(head), rest[0] if rest else ""
    about = one_line(body.split("\n", 1)[0])
    of_branches = _OF_BRANCHES.match(subject) and about and not _OF_GITLAB.match(about)
    return Revision(
        commit=commit.name,
        time=commit.time,
        author=commit.author,
        subject=about if of_branches else subject,
        pull_request=_pull_request(subject, body),
        stages=commit.stages,
    )


def _pull_request(subject: str, body: str) -> str | None:
    for pattern, sign in _OF_SUBJECT:
        if match := pattern.match(subject):
            return sign + match[1]
    match = _OF_GITLAB.search(body)
    return f"!{match[1]}" if match else None
