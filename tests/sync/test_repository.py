"""The clone of a branch, of repositories that are moved, damaged or hostile."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import GitError, HistoryRewrittenError, UsageError
from mlgitops.sync.repository import TOKEN, Clone, Remote

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sync.conftest import Origin

HTTPS = "https://git.example.org/acme/farm-models"


@pytest.fixture
def clone(origin: Origin, tmp_path: Path) -> Clone:
    """Who follows main; nothing is fetched yet."""
    return Clone(
        folder=tmp_path / "sync" / "clone", remote=Remote(address=origin.address, branch="main")
    )


def text(clone: Clone, name: str = "models.yaml") -> str:
    """What a file of the checkout holds."""
    return (clone.folder / name).read_text(encoding="utf-8")


def test_a_branch_is_followed_with_its_history(origin: Origin, clone: Clone) -> None:
    """Whose a change is, is found in the history; files that a verb left do not stay."""
    first = origin.head
    clone.bring(clone.head(), after="")
    (clone.folder / "left").write_text("by a verb", encoding="utf-8")
    second = origin.declare(2)
    assert clone.head() == second
    clone.bring(second, after=first)
    assert "Production: 2" in text(clone)
    assert not (clone.folder / "left").exists()
    origin.git("-C", str(clone.folder), "rev-parse", first)


def test_a_rewritten_history_is_refused(origin: Origin, clone: Clone) -> None:
    """The commit that was taken stays checked out; the message names what to accept."""
    first = origin.head
    clone.bring(first, after="")
    origin.git("commit", "--quiet", "--amend", "--message", "Something else")
    rewritten = origin.declare(2)
    with pytest.raises(HistoryRewrittenError, match=f"--accept {rewritten}"):
        clone.bring(clone.head(), after=first)
    assert "Production: 1" in text(clone)
    clone.bring(rewritten, after="")
    assert "Production: 2" in text(clone)


def test_a_rewritten_history_is_known_without_the_old_clone(origin: Origin, clone: Clone) -> None:
    """What is remembered outlives the clone."""
    first = origin.head
    clone.bring(first, after="")
    shutil.rmtree(clone.folder)
    origin.git("commit", "--quiet", "--amend", "--message", "Something else")
    with pytest.raises(HistoryRewrittenError):
        clone.bring(clone.head(), after=first)


def test_a_damaged_clone_is_made_anew(origin: Origin, clone: Clone) -> None:
    """Whatever a killed git or a full disk left; but not where the repository cannot be had."""
    first = origin.head
    clone.bring(first, after="")
    (clone.folder / ".git" / "index.lock").touch()
    second = origin.declare(2)
    clone.bring(second, after=first)
    shutil.rmtree(clone.folder / ".git" / "objects")
    third = origin.declare(3)
    clone.bring(third, after=second)
    assert "Production: 3" in text(clone)

    origin.folder.rename(origin.folder.with_name("away"))
    with pytest.raises(GitError):
        clone.bring("0" * 40, after=third)
    clone.check_out(third)


def test_a_branch_that_is_not_there(origin: Origin, tmp_path: Path) -> None:
    """It is named."""
    remote = Remote(address=origin.address, branch="live")
    with pytest.raises(GitError, match="has no branch live"):
        Clone(folder=tmp_path / "clone", remote=remote).head()


def test_nothing_of_a_hostile_repository_runs(
    origin: Origin, clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No filter that this machine knows, no hook, no submodule; a link leads nowhere."""
    ran, secret = tmp_path / "ran", tmp_path / "secret"
    secret.write_text("s3cret", encoding="utf-8")
    settings = tmp_path / "gitconfig"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n", encoding="utf-8")
    program.chmod(0o755)
    settings.write_text(
        f'[filter "lfs"]\n smudge = {program}\n required = true\n'
        f"[core]\n hooksPath = {tmp_path / 'hooks'}\n"
        "[submodule]\n recurse = true\n[fetch]\n recurseSubmodules = true\n",
        encoding="utf-8",
    )
    (tmp_path / "hooks").mkdir()
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        shutil.copy(program, tmp_path / "hooks" / hook)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    modules = f'[submodule "sub"]\n path = sub\n url = {tmp_path / "elsewhere"}\n'
    (origin.folder / "link").symlink_to(secret)
    (origin.folder / "sub").mkdir()
    with monkeypatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        origin.git("update-index", "--add", "--cacheinfo", f"160000,{origin.head},sub")
        head = origin.declare(
            2, **{".gitattributes": "* filter=lfs diff=lfs ident\n", ".gitmodules": modules}
        )

    clone.bring(clone.head(), after="")
    assert clone.head() == head
    assert not ran.exists()
    assert "Production: 2" in text(clone)
    assert text(clone, "link") == str(secret)
    assert not (clone.folder / "link").is_symlink()
    assert [*(clone.folder / "sub").iterdir()] == []


def test_a_login_is_told_to_its_own_host_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git finds the token in a variable: no process list has it, and no other host is told."""
    monkeypatch.setenv(TOKEN, "s3cret-t0ken")
    given = Remote(address=f"{HTTPS}.git", branch="main").login()
    assert "credential.https://git.example.org.helper" in given.values()
    assert not any("s3cret" in value for value in given.values())
    with pytest.raises(UsageError, match="unencrypted"):
        Remote(address="http://git.example.org/acme/farm-models", branch="main")


def test_a_password_in_the_address_is_refused() -> None:
    """Every user of the machine would see it; and the message does not show it."""
    with pytest.raises(UsageError, match=TOKEN) as caught:
        Remote(address="https://ada:s3cret@git.example.org/acme/farm-models", branch="main")
    assert "s3cret" not in str(caught.value)


def test_only_known_hosts_are_believed(tmp_path: Path) -> None:
    """SSH asks nobody, and takes the key and the hosts that it is given."""
    remote = Remote(
        address="git@git.example.org:acme/farm-models.git",
        branch="main",
        key=tmp_path / "a key",
        known_hosts=tmp_path / "known",
    )
    ssh = remote.login()["GIT_SSH_COMMAND"]
    assert "StrictHostKeyChecking=yes" in ssh
    assert f"-i '{tmp_path / 'a key'}' -o IdentitiesOnly=yes" in ssh
    assert f"UserKnownHostsFile={tmp_path / 'known'} -o GlobalKnownHostsFile=/dev/null" in ssh
