"""The repository that an engine applies: a clone for a moment, a commit, and a push that may race.

Logins are git's own: helpers, SSH agents, `core.sshCommand`; or a token in the variable TOKEN.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlgitops.errors import GitError
from mlgitops.errors.deploying import GitopsPathError, GitopsPushedError
from mlgitops.system import addresses, git, remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.core.deployments import GitopsRepository

TOKEN, USER = "MLGITOPS_GITOPS_TOKEN", "MLGITOPS_GITOPS_USERNAME"
TREE = "Mlgitops-Tree"  # the trailer by which a branch is known that nobody else pushed to
_LOGIN = remote.Login(TOKEN, USER)
_BOT = {"NAME": "mlgitops", "EMAIL": "mlgitops@noreply.invalid"}
_TRAILER = re.compile(r"Mlgitops-[A-Za-z-]+: ")
_LONGEST = 900.0  # seconds of one command
_TRIES = 8  # of a push, while others push


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """What became of a change.

    Attributes:
        commit: the one that has it, on the branch or on the branch of its own.
        changed: whether anything was to be changed.
    """

    commit: str
    changed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Clone:
    """A shallow clone of the branch that the engine follows.

    Attributes:
        folder: where its files are.
        place: the repository.
    """

    folder: Path
    place: GitopsRepository

    @property
    def inside(self) -> Path:
        """The folder that is written to."""
        return self.folder / self.place.path

    def bring(self) -> str:
        """Check out the newest commit of the branch; its name.

        Raises:
            GitError: the host does not answer, or has no such branch.
            GitopsPathError: what is written to is no folder there.
        """
        branch = self.place.branch
        self._fetch(f"refs/heads/{branch}")
        self._run("checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
        self._run("clean", "--quiet", "-ffdx")
        for folder in (self.inside, *self.inside.parents):
            if folder.exists() and not folder.is_dir():
                raise GitopsPathError(f"{self.place.path} is no folder in branch {branch}")
        return self._run("rev-parse", "HEAD")

    def head(self, branch: str) -> str:
        """The newest commit of a branch, as its host tells; empty if it has no such branch.

        Raises:
            GitError: the host does not answer.
        """
        return self._run("ls-remote", "origin", f"refs/heads/{branch}").partition("\t")[0]

    def commit(self, message: str) -> str:
        """Commit what was changed; empty if nothing was.

        Raises:
            GitError: git failed.
        """
        self._run("add", "--all", "--force", ".")
        if not self._run("diff", "--cached", "--name-only"):
            return ""
        last = f"{TREE}: {self._run('write-tree')}"
        trailers = all(map(_TRAILER.match, message.rstrip().rpartition("\n\n")[2].split("\n")))
        between = "\n" if trailers else "\n\n"
        self._run("commit", "--quiet", "--message", f"{message.rstrip()}{between}{last}")
        return self._run("rev-parse", "HEAD")

    def push(self, commit: str, branch: str, *, before: str | None = None) -> None:
        """Let a branch be at a commit.

        Args:
            commit: the one.
            branch: its name.
            before: where it has to be now, empty if nowhere; None: an ancestor of `commit`.

        Raises:
            GitError: it is not there, or the host does not allow it.
        """
        name = f"refs/heads/{branch}"
        lease = () if before is None else (f"--force-with-lease={name}:{before}",)
        self._run("push", "--quiet", *lease, "origin", f"{commit}:{name}")

    def remove(self, branch: str, commit: str) -> None:
        """Remove a branch that is at a commit.

        Raises:
            GitError: it is elsewhere, or the host does not allow it.
        """
        name = f"refs/heads/{branch}"
        self._run("push", "--quiet", f"--force-with-lease={name}:{commit}", "origin", f":{name}")

    def alike(self, one: str, other: str) -> bool:
        """Whether two commits, had from the host if need be, have the same in the path."""
        if one == other:
            return True
        try:
            for commit in (one, other):
                if git.ask(self.folder, "cat-file", "-e", f"{commit}^{{tree}}") is None:
                    self._fetch(commit)
            return not self._run("diff", "--name-only", one, other, "--", self.place.path)
        except GitError:  # a host may give only commits that branches name
            return False

    def untouched(self, commit: str) -> bool:
        """Whether a commit is as `commit` made it.

        Raises:
            GitError: it cannot be had.
        """
        self._fetch(commit)
        trailer = f"%(trailers:key={TREE},valueonly=true)"
        said = self._run("show", "--no-patch", f"--format=%T %P%n{trailer}", commit).split()
        return bool(said) and said[-1] == said[0] and len(said) > 1

    def _fetch(self, what: str) -> None:
        self._run("fetch", "--quiet", "--no-tags", "--depth=1", "origin", what)

    def _run(self, *arguments: str) -> str:
        settings = {**remote.INERT, **_LOGIN.settings(self.place.repository)}
        given = {
            f"GIT_{role}_{what}": os.environ.get(f"GIT_{role}_{what}") or said
            for role in ("AUTHOR", "COMMITTER")
            for what, said in _BOT.items()
        }
        environment = {**remote.variables(settings), **given}
        return git.run(self.folder, *arguments, environment=environment, timeout=_LONGEST)


@contextmanager
def opened(place: GitopsRepository) -> Iterator[Clone]:
    """A clone that is there for this time; nothing is fetched yet.

    Raises:
        UsageError: the address would show a password.
        GitopsPathError: the path or the file leads out of the repository.
        GitError: git failed.
    """
    _LOGIN.check(place.repository)
    for path in (place.path, place.field.file if place.field else "."):
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise GitopsPathError(f"{path} leads out of the repository; write it from its root")
    address = place.repository
    if "://" not in address and Path(address).is_dir():
        address = str(Path(address).absolute())  # git runs elsewhere
    with TemporaryDirectory(prefix="mlgitops-gitops-") as name:
        folder = Path(name) / "clone"
        remote.prepare(folder, address)
        yield Clone(folder=folder, place=place)


def publish(clone: Clone, change: Callable[[Path], str]) -> Published:
    """Commit a change on top of the branch, and push it; anew when others were faster.

    Args:
        clone: of the branch.
        change: changes the files in a folder, and says why in a message; is asked again for each
            new state of the branch.

    Raises:
        GitopsPushedError: the host does not allow it, or others always were faster.
        GitError: the host does not answer.
    """
    for again in range(_TRIES):
        before = clone.bring()
        commit = clone.commit(change(clone.inside))
        if not commit:
            return Published(commit=before, changed=False)
        try:
            clone.push(commit, clone.place.branch)
        except GitError as error:
            if clone.head(clone.place.branch) == before:
                raise GitopsPushedError(
                    f"{error}; let the login push to {clone.place.branch}, or set "
                    "`pull_request: true`"
                ) from error
            time.sleep(secrets.randbelow(1000) / 1000 * min(2**again, 8) / 4)
            continue
        return Published(commit=commit, changed=True)
    raise GitopsPushedError(
        f"others pushed to {clone.place.branch} {_TRIES} times while this was to be pushed; try "
        "again"
    )


def propose(clone: Clone, change: Callable[[Path], str], branch: str) -> Published:
    """Commit a change on a branch of its own, which is removed once nothing is left to propose.

    Args:
        clone: of the branch that it is to be merged into.
        change: as of `publish`.
        branch: of its own, always the same for the same deployment.

    Raises:
        GitopsPushedError: somebody else pushed to the branch, or the host does not allow it.
        GitError: the host does not answer.
    """
    base = clone.bring()
    commit = clone.commit(change(clone.inside))
    there = clone.head(branch)
    if there and not clone.untouched(there):
        raise GitopsPushedError(
            f"somebody else pushed to the branch {branch}, so it is left alone; merge its pull "
            "request, or close it and remove the branch"
        )
    if not commit:
        if there:
            clone.remove(branch, there)
        return Published(commit=base, changed=False)
    if there and clone.alike(commit, there):
        return Published(commit=there, changed=True)
    try:
        clone.push(commit, branch, before=there)
    except GitError as error:
        raise GitopsPushedError(f"{error}; let the login push to {branch}") from error
    return Published(commit=commit, changed=True)


def shown(place: GitopsRepository) -> str:
    """The repository as people write it, without secrets, and the branch if it is not main."""
    address = addresses.without_secrets(place.repository)
    return address if place.branch == "main" else f"{address}@{place.branch}"
