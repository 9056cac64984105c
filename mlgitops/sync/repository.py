"""The branch that is followed, and the clone of it. Nothing of what is in it runs."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors import GitError, HistoryRewrittenError
from mlgitops.system import addresses, git, remote

if TYPE_CHECKING:
    from pathlib import Path

TOKEN, USER = "MLGITOPS_SYNC_TOKEN", "MLGITOPS_SYNC_USERNAME"
_LOGIN = remote.Login(TOKEN, USER)
_ASKING, _LONGEST = 120.0, 3600.0  # seconds
# all texts of models.yaml are below it; of larger files only what is checked out is fetched
_LARGEST = "16m"
_SSH = (
    *("ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=30"),
    *("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4", "-o", "ForwardAgent=no"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Remote:
    """A branch of a repository, and how its host knows who asks.

    Attributes:
        address: as git takes it, without a password; the token is in the variable TOKEN.
        key: the file of an SSH key; None for those that SSH itself finds.
        known_hosts: the file of the hosts' keys; None for SSH's own.
    """

    address: str
    branch: str
    key: Path | None = None
    known_hosts: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what git would show to others.

        Raises:
            UsageError: the address has a password, or a token would travel in the clear.
        """
        _LOGIN.check(self.address)

    @property
    def shown(self) -> str:
        """The address as people may see it."""
        return addresses.without_secrets(self.address)

    @property
    def ref(self) -> str:
        """The branch's full name."""
        return f"refs/heads/{self.branch}"

    def login(self) -> dict[str, str]:
        """What git needs to ask the host: variables with settings."""
        ssh = [*_SSH]
        if self.key:
            ssh += ["-i", str(self.key.absolute()), "-o", "IdentitiesOnly=yes"]
        if self.known_hosts:
            ssh += ["-o", f"UserKnownHostsFile={self.known_hosts.absolute()}"]
            ssh += ["-o", f"GlobalKnownHostsFile={os.devnull}"]
        settings = {**remote.INERT, **_LOGIN.settings(self.address)}
        return {"GIT_SSH_COMMAND": shlex.join(ssh), **remote.variables(settings)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Clone:
    """A clone in a folder of its own, which whoever has the lock of the sync may change."""

    folder: Path
    remote: Remote

    def head(self) -> str:
        """The newest commit of the branch, as its host tells.

        Raises:
            GitError: the host does not answer, or has no such branch.
        """
        remote.prepare(self.folder, self.remote.address)
        found = self._run("ls-remote", "origin", self.remote.ref, timeout=_ASKING)
        commit = found.partition("\t")[0]
        if not commit:
            raise GitError(f"{self.remote.shown} has no branch {self.remote.branch}")
        return commit

    def bring(self, commit: str, *, after: str) -> None:
        """Fetch a commit of the branch, make sure that it follows another, and check it out.

        A clone that something is wrong with is made anew beside the old one.

        Args:
            commit: what `head` told.
            after: the commit that was taken before; empty if there is none.

        Raises:
            HistoryRewrittenError: it does not follow.
            GitError: it cannot be had.
        """
        fresh = Clone(folder=self.folder.with_name("fresh"), remote=self.remote)
        shutil.rmtree(fresh.folder, ignore_errors=True)
        try:
            if self._bring(commit, after):
                return
        except GitError:
            if fresh._bring(commit, after, whole=True):
                shutil.rmtree(self.folder)
                fresh.folder.rename(self.folder)
                return
        raise HistoryRewrittenError(
            f"the history of {self.remote.branch} was rewritten: {commit[:12]} does not follow "
            f"{after[:12]}, which was taken before; if that is meant, run `mlgitops sync` with "
            f"`--accept {commit}`"
        )

    def check_out(self, commit: str) -> None:
        """Make the files those of a commit that was fetched, and remove all others.

        Raises:
            GitError: the clone does not have it whole.
        """
        self._run("checkout", "--quiet", "--force", "--detach", commit)
        self._run("clean", "--quiet", "-ffdx")

    def _bring(self, commit: str, after: str, *, whole: bool = False) -> bool:
        """Whether a commit follows another; if so, it is checked out."""
        remote.prepare(self.folder, self.remote.address)
        tracked = f"refs/remotes/origin/{self.remote.branch}"
        if git.ask(self.folder, "rev-parse", "--verify", "--quiet", tracked) != commit:
            within = f"--filter=blob:limit={_LARGEST}"
            self._run(
                "fetch", "--quiet", "--no-tags", within, "origin", f"+{self.remote.ref}:{tracked}"
            )
        if after and not self._follows(commit, after, whole=whole):
            return False
        self.check_out(commit)
        return True

    def _follows(self, commit: str, before: str, *, whole: bool) -> bool:
        """Whether a commit has another in its history; a whole clone lacks none that it has."""
        try:
            return not self._run("rev-list", "--max-count=1", before, f"^{commit}")
        except GitError:
            if whole:
                return False
            raise

    def _run(self, *arguments: str, timeout: float = _LONGEST) -> str:
        # a checkout asks the host as well: for what is too large to be fetched with the history
        login = self.remote.login()
        return git.run(self.folder, *arguments, environment=login, timeout=timeout)
