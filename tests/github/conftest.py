"""A GitHub for each test, on a real port, and a job that runs there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.github import fake
from tests.github.fake import REPOSITORY, TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.team import Team


@pytest.fixture
def hub() -> Iterator[fake.GitHub]:
    """An empty repository."""
    with fake.running() as made:
        yield made
    assert made.unknown == []


@pytest.fixture
def job(hub: fake.GitHub, team: Team, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A job on a push of commit abc by `pusher`."""
    monkeypatch.setenv("GITHUB_API_URL", hub.base)
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_SHA", "abc")
    monkeypatch.setenv("GITHUB_ACTOR", "pusher")
    monkeypatch.setenv("GITHUB_REF_NAME", "main")
    for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(team.folder / name))
    return team
