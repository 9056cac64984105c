"""Commits to a repository that others push to as well."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlgitops.core.deployments import Field, GitopsRepository
from mlgitops.deploy.gitops import repository
from mlgitops.deploy.gitops.repository import TOKEN, TREE
from mlgitops.errors import GitError, UsageError
from mlgitops.errors.deploying import GitopsPathError, GitopsPushedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.deploy.gitops.conftest import Origin

OWN = "mlgitops/deploy/farm"


def writing(text: str, name: str = "wind.yaml") -> Callable[[Path], str]:
    """A change of one file."""

    def change(folder: Path) -> str:
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(text.encode())
        return f"Serve {text}"

    return change


def test_a_change_is_committed_and_pushed(origin: Origin, place: GitopsRepository) -> None:
    """By a bot, whoever the machine's user is; the files of others stay as they are."""
    theirs = origin.push("team.txt", "a\r\nb\n")
    with repository.opened(place) as clone:
        done = repository.publish(clone, writing("3"))
    assert done.changed
    assert done.commit == origin.head()
    assert origin.text("models/wind.yaml") == "3"
    assert origin.text("team.txt") == "a\r\nb\n"
    assert origin.log(form="%an <%ae> %P") == f"mlgitops <mlgitops@noreply.invalid> {theirs}"
    assert origin.log().startswith("Serve 3")


def test_no_change_is_no_commit(origin: Origin, place: GitopsRepository) -> None:
    """The commit that has it already is told."""
    with repository.opened(place) as clone:
        first = repository.publish(clone, writing("3"))
        again = repository.publish(clone, writing("3"))
    assert (again.commit, again.changed) == (first.commit, False)
    assert origin.count() == 2


def test_who_is_overtaken_tries_again_on_top(origin: Origin, place: GitopsRepository) -> None:
    """The change is made anew, of what the branch has by then."""
    seen: list[bool] = []

    def change(folder: Path) -> str:
        seen.append((folder / "theirs.yaml").exists())
        if len(seen) < 3:
            origin.push("models/theirs.yaml", str(len(seen)))
        return writing("3")(folder)

    with repository.opened(place) as clone:
        repository.publish(clone, change)
    assert seen == [False, True, True]
    assert origin.text("models/theirs.yaml") == "2"
    assert origin.text("models/wind.yaml") == "3"


def test_several_at_once_all_arrive(origin: Origin, place: GitopsRepository) -> None:
    """No push takes back another's."""
    failed: list[Exception] = []

    def run(number: int) -> None:
        try:
            with repository.opened(place) as clone:
                repository.publish(clone, writing("3", f"{number}.yaml"))
        except GitError as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert origin.files() == ["README.md", *(f"models/{number}.yaml" for number in range(4))]


def test_a_host_that_refuses_is_not_asked_again(origin: Origin, place: GitopsRepository) -> None:
    """Its reason is told; nothing was pushed."""
    asked = origin.theirs.parent / "asked"
    hook = Path(origin.address) / "hooks" / "pre-receive"
    hook.write_text(
        f"#!/bin/sh\necho x >> {asked}\necho 'main is protected' >&2\nexit 1\n", encoding="utf-8"
    )
    hook.chmod(0o755)
    with (
        pytest.raises(GitopsPushedError, match=r"(?s)hook declined.*pull_request: true"),
        repository.opened(place) as clone,
    ):
        repository.publish(clone, writing("3"))
    assert asked.read_text(encoding="utf-8") == "x\n"
    assert origin.count() == 1


def test_a_proposal_has_a_branch_of_its_own(origin: Origin, place: GitopsRepository) -> None:
    """Renewed for another version, left as it is for the same, removed when nothing is left."""
    with repository.opened(place) as clone:
        repository.propose(clone, writing("3"), OWN)
        first = origin.head(OWN)
        origin.push("other.txt", "x")
        repository.propose(clone, writing("3"), OWN)
        assert origin.head(OWN) == first
        repository.propose(clone, writing("4"), OWN)
        assert origin.text("models/wind.yaml", OWN) == "4"
        assert origin.log(OWN, "%P") == origin.head()
        assert "models/wind.yaml" not in origin.files()
        assert not repository.propose(clone, lambda _: "", OWN).changed
    assert origin.head(OWN) == ""


def test_a_branch_that_somebody_else_pushed_to_is_left_alone(
    origin: Origin, place: GitopsRepository
) -> None:
    """Also where there would be nothing left to propose."""
    with repository.opened(place) as clone:
        repository.propose(clone, writing("3"), OWN)
        theirs = origin.push("models/wind.yaml", "3, but better", OWN)
        for change in (writing("4"), lambda _: ""):
            with pytest.raises(GitopsPushedError, match="somebody else pushed"):
                repository.propose(clone, change, OWN)
    assert origin.head(OWN) == theirs


def test_commits_with_the_same_folder_are_alike(origin: Origin, place: GitopsRepository) -> None:
    """Whatever else they change: an engine that is further has applied it as well."""
    with repository.opened(place) as clone:
        mine = repository.publish(clone, writing("3")).commit
        beside = origin.push("other.txt", "x")
        changed = origin.push("models/wind.yaml", "4")
        assert clone.alike(mine, beside)
        assert not clone.alike(mine, changed)
        assert not clone.alike(mine, "0" * 40)


def test_a_branch_that_is_not_there_is_named(place: GitopsRepository) -> None:
    """In git's words."""
    with (
        pytest.raises(GitError, match="live"),
        repository.opened(replace(place, branch="live")) as clone,
    ):
        clone.bring()


@pytest.mark.parametrize("path", ["/etc", "../x", "a/../../b"])
def test_no_path_leads_out(place: GitopsRepository, path: str) -> None:
    """Neither that of the folder nor that of a file in it."""
    for wrong in (replace(place, path=path), replace(place, field=Field(file=path, path="a"))):
        with pytest.raises(GitopsPathError, match="leads out"), repository.opened(wrong):
            pass


def test_links_of_a_repository_lead_nowhere(
    origin: Origin, place: GitopsRepository, tmp_path: Path
) -> None:
    """A folder that is a link is no folder."""
    (tmp_path / "outside").mkdir()
    origin.git("checkout", "--quiet", "main")
    (origin.theirs / "models").symlink_to(tmp_path / "outside")
    origin.push("x", "x")
    with (
        pytest.raises(GitopsPathError, match="is no folder"),
        repository.opened(place) as clone,
    ):
        clone.bring()


def test_a_token_is_in_no_argument_and_not_sent_in_the_clear(
    place: GitopsRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read by git's helper from the variable; addresses with a password are refused."""
    monkeypatch.setenv(TOKEN, "s3cret")
    for address in ("http://git.example.org/x", "https://ada:s3cret@git.example.org/x"):
        with (
            pytest.raises(UsageError) as caught,
            repository.opened(replace(place, repository=address)),
        ):
            pass
        assert "s3cret" not in str(caught.value)
    monkeypatch.setenv("GIT_TRACE", "1")
    nowhere = replace(place, repository="https://127.0.0.1:1/x")
    with pytest.raises(GitError) as failed, repository.opened(nowhere) as clone:
        clone.bring()
    assert "s3cret" not in str(failed.value)
    assert all("s3cret" not in value for name, value in os.environ.items() if name != TOKEN)


def test_settings_of_the_process_are_kept(
    origin: Origin, place: GitopsRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logins are git's own, such as an address that a job's variables replace."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{origin.address}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "deploy:farm")
    with repository.opened(replace(place, repository="deploy:farm")) as clone:
        assert clone.bring() == origin.head()


def test_the_commit_names_its_tree(origin: Origin, place: GitopsRepository) -> None:
    """By which a branch is known that nobody else pushed to."""
    with repository.opened(place) as clone:
        repository.publish(clone, writing("3"))
    assert origin.log(form=f"%(trailers:key={TREE},valueonly)") == origin.log(form="%T")
