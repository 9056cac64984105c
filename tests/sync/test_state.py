"""What is due when, and what is remembered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors.applying import SyncFolderError
from mlgitops.sync import state
from mlgitops.sync.state import Outcome, Result, State, Work

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LOOK = timedelta(minutes=10)
FRESH = State(repository="git.example.org/acme/farm", branch="main", file="models.yaml")
TAKEN = FRESH.taking("c0ffee")


def after(found: State, *results: Result) -> State:
    """After rounds of these results, each at the same time."""
    for result in results:
        found = found.after(Outcome(result=result, kind="", lines=(result,)), NOW, LOOK)
    return found


def test_a_new_commit_is_applied_at_once() -> None:
    """Without one there is nothing to do."""
    assert FRESH.due(NOW) is None
    assert TAKEN.due(NOW) is Work.APPLY
    assert after(TAKEN, Result.FAILED).taking("beef").due(NOW) is Work.APPLY


def test_what_is_synced_is_looked_at_now_and_then() -> None:
    """The interval is one of its own, and holds for drift that is left alone as well."""
    for results in ((Result.SYNCED,), (Result.SYNCED, Result.DRIFT)):
        found = after(TAKEN, *results)
        assert found.due(NOW + LOOK - timedelta(seconds=1)) is None
        assert found.due(NOW + LOOK) is Work.LOOK
        assert found.due(NOW, at_once=True) is Work.LOOK


def test_what_failed_is_tried_again_ever_more_slowly() -> None:
    """After a minute, two, four, up to half an hour; one that worked begins anew."""
    pauses = []
    found = TAKEN
    for _ in range(7):
        found = after(found, Result.REFUSED)
        pauses.append((found.next - NOW) / timedelta(minutes=1))
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert after(found, Result.SYNCED, Result.FAILED).next == NOW + timedelta(minutes=1)
    assert found.due(found.next) is Work.APPLY
    assert after(found, *[Result.FAILED] * 5000).next == NOW + timedelta(minutes=30)


def test_what_was_applied_whole_and_differs_is_drift() -> None:
    """A look that failed is followed by a look: what it corrects was not asked for by a commit."""
    found = after(TAKEN, Result.SYNCED, Result.FAILED)
    assert found.due(found.next) is Work.LOOK


def test_it_is_remembered(tmp_path: Path) -> None:
    """In a file; of one that is none, or of another repository, nothing is taken."""
    file = tmp_path / "state.json"
    assert state.read(file, FRESH) == FRESH
    found = after(TAKEN, Result.REFUSED)
    state.write(file, found)
    assert state.read(file, FRESH) == found
    other = State(repository="git.example.org/acme/other", branch="main", file="models.yaml")
    with pytest.raises(SyncFolderError, match="pass another --folder"):
        state.read(file, other)
    file.write_text("{", encoding="utf-8")
    with pytest.raises(SyncFolderError, match="remove it"):
        state.read(file, FRESH)
