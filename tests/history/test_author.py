"""Stamps name the commit and the person: from options, from GitHub Actions, or from git."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from mlgitops.core.stamp import Author
from mlgitops.history import author
from mlgitops.history.author import UNCOMMITTED

if TYPE_CHECKING:
    from pathlib import Path


def find(file: Path) -> Author:
    """The author of an apply without options."""
    return author.find(file, commit=None, actor=None, pull_request=None)


def git(folder: Path, *arguments: str) -> str:
    """Run git as someone."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@localhost"]
    command = ["git", *who, *arguments]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_git_answers_for_a_committed_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit is HEAD's; a file with changes that are not committed has none, on GitHub too."""
    file = tmp_path / "models.yaml"
    file.write_text("models: {}\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.name", "Ada")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Start")

    found = find(file)
    assert (git(tmp_path, "rev-parse", "HEAD"), "Ada") == (found.commit, found.actor)

    file.write_text("models: {}  # changed\n")
    assert find(file).commit == UNCOMMITTED
    monkeypatch.setenv("GITHUB_SHA", "abc")
    assert find(file).commit == UNCOMMITTED


@pytest.mark.parametrize("hidden", ["ignored", "not shown", "a link"])
def test_a_file_that_git_does_not_show(tmp_path: Path, hidden: str) -> None:
    """One that was never committed is not HEAD's, even if `git status` is silent about it."""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "Start")
    file = tmp_path / "models.yaml"
    file.write_text("models: {}\n")
    if hidden == "ignored":
        (tmp_path / ".gitignore").write_text("models.yaml\n")
    elif hidden == "not shown":
        git(tmp_path, "config", "status.showUntrackedFiles", "no")
    else:
        file = tmp_path / "link.yaml"
        file.symlink_to("models.yaml")
        git(tmp_path, "add", "link.yaml")
        git(tmp_path, "commit", "--quiet", "--message", "Link")
    assert find(file).commit == UNCOMMITTED
    assert "Commit it before you apply" in author.warning(file)


def test_a_folder_that_is_no_repository(tmp_path: Path) -> None:
    """There is no commit, and the person is the one who is logged in; the warning says why."""
    file = tmp_path / "models.yaml"
    found = find(file)
    assert "not a git repository" in author.warning(file)
    assert found.commit == UNCOMMITTED
    assert found.actor


def test_a_machine_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no reason to fail."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find(tmp_path / "models.yaml").commit == UNCOMMITTED


def test_github_actions_answers_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variables name the commit, where there is no git, and whoever triggered the run.

    Options win over both.
    """
    monkeypatch.setenv("GITHUB_SHA", "abc")
    monkeypatch.setenv("GITHUB_ACTOR", "octocat")
    file = tmp_path / "models.yaml"
    assert Author(commit="abc", actor="octocat") == find(file)
    assert Author(commit="x", actor="y", pull_request="7") == author.find(
        file, commit="x", actor="y", pull_request="7"
    )
