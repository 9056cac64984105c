"""A team without a database: its registry is whatever a test runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.hostile.registry import Hostile, hostile
from tests.team import Ran, Team

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.hostile.registry import Asked

NAME, PASSWORD = "ada", "s3cret-of-the-writer"
LONGEST = 30.0  # seconds of a command; the machine may be busy


@dataclass(frozen=True, kw_only=True)
class Victim:
    """Who runs commands, with a login, and another server that must not get it."""

    team: Team
    elsewhere: Hostile

    def run(self, answer: Callable[[Asked], object], *verb: str) -> tuple[Ran, Hostile]:
        """Run a verb: it ends in time, with a result or one error, and leaks and writes nothing."""
        with hostile(answer) as server:
            begun = time.monotonic()
            ran = self.team.run(*verb, "--registry", server.url)
            seconds = time.monotonic() - begun
        said = ran.out + ran.err
        assert seconds < LONGEST
        assert "Traceback" not in said
        assert PASSWORD not in said
        assert len(said) < 100_000
        assert server.writes == []
        assert not any("Authorization" in headers for _, _, headers in self.elsewhere.asked)
        assert not any(PASSWORD in target for _, target, _ in self.elsewhere.asked)
        if ran.code:
            errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
            assert len(errors) == 1, said
            assert len(errors[0]) < 2000
        return ran, server


@pytest.fixture
def victim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Victim]:
    """A team whose models.yaml has wind's version 1 in Production, as a sound registry has it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", NAME)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "0.3")
    monkeypatch.setenv("MLGITOPS_OWNER", "example.org/wind/models")
    monkeypatch.setattr("mlgitops.registry.paging._LONGEST", 0.5)
    team = Team(folder=tmp_path, uri="", capsys=capsys)
    team.stages(Production=1)
    with hostile(lambda asked: asked.send({})) as elsewhere:
        yield Victim(team=team, elsewhere=elsewhere)
