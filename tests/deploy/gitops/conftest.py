"""A repository that an engine would follow, and people who push to it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from mlgitops.core.deployments import GitopsRepository

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A bare repository, and somebody's clone of it.

    Attributes:
        address: as git takes it.
        theirs: the clone of who else works there.
    """

    address: str
    theirs: Path

    def git(self, *arguments: str) -> str:
        """What a git command prints in their clone."""
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        command = ["git", "-C", str(self.theirs), *identity, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def push(self, path: str, text: str, branch: str = "main") -> str:
        """Let them push a file; their commit."""
        self.git("fetch", "--quiet", "origin")
        self.git("checkout", "--quiet", "-B", branch, f"origin/{branch}")
        file = self.theirs / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"Change {path}")
        self.git("push", "--quiet", "origin", branch)
        return self.git("rev-parse", "HEAD")

    def text(self, path: str, branch: str = "main") -> str:
        """A file of a branch."""
        command = ["git", "-C", self.address, "show", f"{branch}:{path}"]
        return subprocess.run(command, capture_output=True, check=True).stdout.decode()

    def files(self, branch: str = "main") -> list[str]:
        """The files of a branch."""
        return self._bare("ls-tree", "-r", "--name-only", branch).split("\n")

    def head(self, branch: str = "main") -> str:
        """The newest commit of a branch; empty without one."""
        return self._bare("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def log(self, branch: str = "main", form: str = "%B") -> str:
        """The newest commit of a branch, as a format says."""
        return self._bare("log", "-1", f"--format={form}", branch)

    def count(self, branch: str = "main") -> int:
        """How many commits a branch has."""
        return int(self._bare("rev-list", "--count", branch))

    def _bare(self, *arguments: str) -> str:
        command = ["git", "-C", self.address, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    """A repository with one commit on `main`."""
    bare, theirs = tmp_path / "farm-deploy.git", tmp_path / "theirs"
    for command in (
        ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare)],
        ["git", "init", "--quiet", "--initial-branch=main", str(theirs)],
        ["git", "-C", str(theirs), "remote", "add", "origin", str(bare)],
    ):
        subprocess.run(command, check=True)
    (theirs / "README.md").write_text("Deployments\n", encoding="utf-8")
    made = Origin(address=str(bare), theirs=theirs)
    made.git("add", "--all")
    made.git("commit", "--quiet", "--message", "Begin")
    made.git("push", "--quiet", "origin", "main")
    return made


@pytest.fixture
def place(origin: Origin) -> GitopsRepository:
    """The folder `models` of it."""
    return GitopsRepository(repository=origin.address, path="models")
