"""Git, asked in real repositories."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import GitError
from mlgitops.system import git
from tests.answering import answering

if TYPE_CHECKING:
    from pathlib import Path

WHO = {
    f"GIT_{role}_{what}": "ada@farm.example"
    for role in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder with one commit of one file, which ends in two empty lines."""
    git.run(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_bytes(b"a\r\nb\n\n\n")
    git.run(tmp_path, "add", "file")
    git.run(tmp_path, "commit", "--quiet", "--message", "Begin", environment=WHO)
    return tmp_path


def test_a_file_names_the_folder_it_is_in(repository: Path) -> None:
    """A command runs in a folder, or beside a file; a file that does not exist yet as well."""
    head = git.run(repository, "rev-parse", "HEAD")
    assert len(head) == 40
    assert git.run(repository / "file", "rev-parse", "HEAD") == head
    assert git.run(repository / "new", "rev-parse", "HEAD") == head


def test_the_text_is_as_git_gives_it(repository: Path) -> None:
    """Line ends stay as they are; only that of the last line goes."""
    assert git.run(repository, "show", "HEAD:file") == "a\r\nb\n\n"


def test_an_environment_goes_on_top(repository: Path) -> None:
    """An author that is given for one command is that commit's author."""
    assert git.run(repository, "log", "--format=%an") == "ada@farm.example"


def test_a_failure_has_git_s_reason(repository: Path) -> None:
    """The command, the folder and git's own words are in the error, its hints are not."""
    with pytest.raises(GitError, match="git push failed in") as caught:
        git.run(repository, "push", "elsewhere", "HEAD")
    assert str(repository) in str(caught.value)
    assert "correct access rights" in str(caught.value)
    assert "hint:" not in str(caught.value)


def test_outside_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error tells what to do, whatever language git speaks; a question has no answer."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("LANGUAGE", "de")
    with pytest.raises(GitError, match=r"not a git repository.*run this in a clone"):
        git.run(tmp_path, "status")
    assert git.ask(tmp_path, "status") is None


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git is told to install it; a question has no answer there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="install git"):
        git.run(tmp_path, "status")
    assert git.ask(tmp_path, "status") is None


def test_a_password_is_not_waited_for(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would ask for a login fails at once."""
    monkeypatch.setenv("GIT_ASKPASS", "")
    monkeypatch.setenv("SSH_ASKPASS", "")
    with (
        answering(lambda _: (401, "text/plain", "")) as url,
        pytest.raises(GitError, match=r"could not read Username.*gh auth login"),
    ):
        git.run(repository, "ls-remote", url)


def test_a_path_means_one_file(repository: Path) -> None:
    """A name that looks like a pattern is a name."""
    (repository / "f*").write_text("a")
    git.run(repository, "add", "f*")
    git.run(repository, "commit", "--quiet", "--message", "Odd", environment=WHO)
    assert git.run(repository, "ls-files", "--", "f*") == "f*"


def test_two_sides_of_a_text_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Conflicts are marked with what both began with, however git is set; anywhere."""
    monkeypatch.chdir(tmp_path)
    labels = ("ours", "base", "new")
    base = "".join(f"{number}\n" for number in range(9))
    ours, new = base.replace("1\n", "a\n"), base.replace("7\n", "b\n")
    both = ours.replace("7\n", "b\n")
    assert git.merged(ours, base, new, labels) == (both, False)
    text, conflicts = git.merged("a\n", "b\n", "c\n", labels)
    assert conflicts
    assert text == "<<<<<<< ours\na\n||||||| base\nb\n=======\nc\n>>>>>>> new\n"


def test_what_is_not_committed(repository: Path) -> None:
    """Edited, staged and new files, by name or folder; none of another name; None elsewhere."""
    (repository / "folder").mkdir()
    (repository / "folder/b c").touch()
    assert git.uncommitted(repository, ["file"]) == []
    assert git.uncommitted(repository, ["folder", "gone"]) == ["folder/b c"]
    (repository / "file").write_text("new\n")
    git.run(repository, "add", "file")
    assert git.uncommitted(repository / "folder", ["../file"]) == ["file"]


def test_outside_of_a_repository_nothing_is_committed(tmp_path: Path) -> None:
    """That is no answer, unlike one that names no file."""
    assert git.uncommitted(tmp_path, ["file"]) is None


def test_a_command_that_takes_too_long_is_ended(repository: Path) -> None:
    """A host that answers nothing keeps nobody waiting."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/farm"
        with pytest.raises(GitError, match=r"longer than 0\.1 s"):
            git.run(repository, "ls-remote", address, timeout=0.1)
