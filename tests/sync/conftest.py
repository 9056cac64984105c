"""A repository for each test, and the ones who follow it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

WHO = ("-c", "user.name=ada", "-c", "user.email=ada@farm.example")
MODELS = "models: {{wind: {{stages: {{Production: {version}}}}}}}\n"


@dataclass(frozen=True)
class Origin:
    """A team's repository."""

    folder: Path

    @property
    def address(self) -> str:
        """As `mlgitops sync` takes it."""
        return str(self.folder)

    @property
    def head(self) -> str:
        """The newest commit of main."""
        return self.git("rev-parse", "main")

    def git(self, *arguments: str) -> str:
        """Run git there."""
        command = ["git", *WHO, "-C", str(self.folder), *arguments]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        return ran.stdout.strip()

    def declare(self, version: int, **files: str) -> str:
        """Commit a version for Production, and other files; returns the commit."""
        for name, text in {"models.yaml": MODELS.format(version=version), **files}.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"Put version {version} into Production")
        return self.head


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    """A repository with one commit."""
    made = Origin(tmp_path / "origin")
    made.folder.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    made.declare(1)
    return made
