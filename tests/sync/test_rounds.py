"""Rounds of following a branch, of which every verb fails: the cheap part of the loop.

tests/stack/test_sync.py has the rest: a registry, hosts of repositories, a container.
"""

from __future__ import annotations

import fcntl
import json
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import GitError, HistoryRewrittenError, UsageError
from mlgitops.errors.applying import SyncFailedError, SyncUnderWayError
from mlgitops.sync.repository import Remote
from mlgitops.sync.rounds import Sync
from tests.github import fake
from tests.notify.test_webhook import Chat, chat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sync.conftest import Origin

__all__ = ["chat"]
pytestmark = pytest.mark.usefixtures("failing")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake.GitHub]:
    """The GitHub that the repository lives on."""
    with fake.running() as made:
        monkeypatch.setenv("GITHUB_API_URL", made.base)
        monkeypatch.setenv("GITHUB_REPOSITORY", fake.REPOSITORY)
        monkeypatch.setenv("GITHUB_TOKEN", fake.TOKEN)
        yield made
    assert made.unknown == []


@pytest.fixture
def sync(origin: Origin, tmp_path: Path) -> Sync:
    """Who follows main."""
    return Sync(
        remote=Remote(address=origin.address, branch="main"),
        identity=origin.address,
        folder=tmp_path / "sync",
        state=tmp_path / "embedded",
        file="models.yaml",
        look=timedelta(minutes=10),
        heal=True,
        train=False,
        context="mlgitops/sync",
        beat=lambda: None,
        stopped=lambda: False,
        tell=lambda _: None,
        warn=lambda _: None,
    )


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbs that fail; why is of no matter here."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho 'error: the registry is down' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def said(hub: fake.GitHub) -> list[tuple[str, str]]:
    """The commit statuses, in their order."""
    assert {one["context"] for one in hub.commit_statuses} <= {"mlgitops/sync"}
    return [(one["sha"], one["state"]) for one in hub.commit_statuses]


def remembered(sync: Sync, **changes: str) -> dict[str, str]:
    """What the next round finds of the last one; with changes, as if time had gone by."""
    kept = sync.folder / "state.json"
    found: dict[str, str] = {**json.loads(kept.read_text()), **changes}
    kept.write_text(json.dumps(found))
    return found


def test_a_failure_is_told_once(origin: Origin, sync: Sync, hub: fake.GitHub, chat: Chat) -> None:
    """To the chat and as the commit's status, whatever number of rounds it lasts."""
    first = sync.round()
    assert isinstance(first.problem, SyncFailedError)
    assert said(hub) == [(origin.head, "pending"), (origin.head, "failure")]
    assert "the registry is down" in hub.commit_statuses[-1]["description"]
    asked = len(hub.requests)
    assert sync.round().problem is None  # it waits
    assert isinstance(sync.round(at_once=True).problem, SyncFailedError)
    assert len(hub.requests) == asked
    assert len(chat.texts) == 1
    assert origin.head[:12] in chat.texts[0]


def test_a_status_that_could_not_be_set_is_made_up_for(
    origin: Origin, sync: Sync, hub: fake.GitHub
) -> None:
    """By a later round; not by each, as a token may never be allowed to."""
    hub.denied.append("POST /statuses/.*")
    sync.round()
    assert said(hub) == []
    hub.denied.clear()
    sync.round()
    assert said(hub) == []
    remembered(sync, report_after="2026-11-26T12:00:00Z")
    sync.round()
    assert said(hub) == [(origin.head, "failure")]


def test_a_rewritten_history_is_told_once_and_accepted_by_name(
    origin: Origin, sync: Sync, hub: fake.GitHub, chat: Chat
) -> None:
    """Until then the commit that was taken holds; another name accepts nothing."""
    taken = origin.head
    sync.round()
    origin.git("commit", "--quiet", "--amend", "--message", "Something else")
    rewritten, told = origin.head, len(chat.texts)
    assert isinstance(sync.round().problem, HistoryRewrittenError)
    assert sync.round().problem is None
    assert said(hub)[2:] == [(rewritten, "failure")]
    assert len(chat.texts) == told + 1
    assert remembered(sync)["commit"] == taken
    with pytest.raises(UsageError, match=rewritten):
        sync.round(accept=taken)
    sync.round(accept=rewritten[:12])
    assert remembered(sync)["commit"] == rewritten


def test_a_repository_that_cannot_be_had(origin: Origin, sync: Sync, chat: Chat) -> None:
    """Rounds go on; people are told once after ten minutes, and when it is there again."""
    away = origin.folder.with_name("away")
    origin.folder.rename(away)
    assert isinstance(sync.round().problem, GitError)
    again = sync.round()
    assert isinstance(again.problem, GitError)
    assert not again.new
    assert chat.texts == []
    remembered(sync, unreachable="2026-11-26T12:00:00Z")
    sync.round()
    sync.round()
    assert len(chat.texts) == 1
    away.rename(origin.folder)
    sync.round()
    assert "can be had again" in chat.texts[1]


def test_two_syncs_share_no_folder(sync: Sync, tmp_path: Path) -> None:
    """The second one waits; here it is told to end meanwhile."""
    (tmp_path / "sync").mkdir()
    with (tmp_path / "sync" / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        object.__setattr__(sync, "stopped", lambda: True)
        with pytest.raises(SyncUnderWayError):
            sync.round()
