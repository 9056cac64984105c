"""What a command tells while it works."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from mlgitops.cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def told(capsys: pytest.CaptureFixture[str], steps: Sequence[tuple[str, float]]) -> str:
    """What a command tells whose steps take so many seconds."""
    with progress() as say:
        for text, seconds in steps:
            say(text)
            time.sleep(seconds)
    return capsys.readouterr().err


def test_a_step_tells_what_is_left_of_the_time_it_took_before(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """That of another version tells it too; short steps, and those that count, do not.

    A step that has become short has no more to tell.
    """
    assert "left" not in told(capsys, [("reading", 0.3), ("building wind:1", 3.2)])
    again = told(capsys, [("reading", 0.3), ("building wind:2", 0.3), ("1 of 2, 9 s left", 0.3)])
    lines = [line for line in again.split("\r") if "left" in line]
    assert any("building wind:2" in line and "about 3 s left" in line for line in lines)
    assert all("building wind:2" in line for line in lines if "about" in line)
    assert "about" not in told(capsys, [("building wind:3", 0.3)])


def failed() -> None:
    """A command that fails in the middle of a step."""
    with progress() as say:
        say("building wind:1")
        time.sleep(2.1)
        raise RuntimeError("no room")


def test_a_step_that_failed_tells_nothing_of_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    """How long it took until then is not how long it takes."""
    with pytest.raises(RuntimeError, match="no room"):
        failed()
    assert "left" not in told(capsys, [("building wind:1", 0.3)])
