"""Links to pages of the repository's host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.history.links import comparing

if TYPE_CHECKING:
    from pathlib import Path

A, B = "a" * 40, "b" * 40


@pytest.fixture(autouse=True)
def _on_github(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "windy/farm")


@pytest.mark.parametrize(("old", "new"), [(A, B), (A, "b" * 64)])
def test_two_commits_can_be_compared(old: str, new: str, tmp_path: Path) -> None:
    """Of SHA-1 and of SHA-256."""
    page = f"https://github.com/windy/farm/compare/{old}...{new}"
    assert comparing(tmp_path / "models.yaml")(old, new) == page


@pytest.mark.parametrize(
    "tag", ["main", "A" * 40, "b" * 12, f"{B}\n", f"../../evil/{B}", f"{B}?expand=1", "", A]
)
def test_what_is_no_commit_is_not_linked(tag: str, tmp_path: Path) -> None:
    """The tag of a run may say anything, as may whoever writes to the registry."""
    assert comparing(tmp_path / "models.yaml")(A, tag) is None
    assert comparing(tmp_path / "models.yaml")(tag, A) is None
