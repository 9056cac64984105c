"""What is started: what somebody else did in a real registry, as long as GitHub takes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.errors import GitHubDeniedError, GitHubError
from mlgitops.receiver.events import Event, Kind
from mlgitops.receiver.waiting import Pace
from mlgitops.receiver.worker import Worker
from mlgitops.registry.connect import connect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.team import Team


@dataclass
class Started:
    """A worker of a team, what it started and said; `errors` are what GitHub answers first."""

    team: Team
    started: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    errors: list[GitHubError] = field(default_factory=list)

    def worker(self, uri: str = "", **pace: float) -> Worker:
        """A worker that nothing was offered to."""
        registry = connect(uri or self.team.uri)
        return Worker(
            registry=registry, start=self._start, pace=Pace(**pace), tell=self.said.append
        )

    def _start(self, event: str, payload: Mapping[str, Any]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.started.append((event, payload))

    def drained(self, *events: Event, uri: str = "") -> None:
        """Offer events, and stop: what waits is started at once."""
        worker = self.worker(uri, settle=3600)
        assert all(map(worker.offer, events))
        worker.run(lambda: True)
        assert worker.waiting == 0
        assert not worker.offer(new(1))


@pytest.fixture
def github(team: Team) -> Started:
    """A team with two versions."""
    team.versions(2)
    return Started(team)


def new(version: int, model: str = "wind") -> Event:
    """A new version."""
    return Event(kind=Kind.VERSION, model=model, version=version)


def moved(alias: str, model: str = "wind") -> Event:
    """An alias that was moved."""
    return Event(kind=Kind.DRIFT, model=model, alias=alias)


def test_what_apply_did_starts_nothing(github: Started) -> None:
    """An alias that is where the stamp of its last move left it is no drift."""
    github.team.stages(Production=2)
    github.team.ok("apply")
    github.drained(moved("production"))
    github.team.stages(Production=None)
    github.team.ok("apply", "--allow", "empties-production")
    github.drained(moved("production"))
    assert (github.started, github.said) == ([], [])


def test_what_somebody_did_starts_drift(github: Started) -> None:
    """Once, with the aliases that somebody moved; what mlgitops moved is not among them."""
    github.team.stages(Production=1)
    github.team.ok("apply")
    github.team.client.set_registered_model_alias("wind", "staging", "2")
    github.drained(moved("production"), moved("staging"), moved("staging", "solar"))
    payload = {"aliases": ["solar@staging", "wind@staging"], "count": 2}
    assert github.started == [("mlgitops-drift", payload)]
    github.team.client.delete_registered_model_alias("wind", "production")
    github.drained(moved("production"))
    assert github.started[1] == ("mlgitops-drift", {"aliases": ["wind@production"], "count": 1})


def test_the_newest_version_is_proposed(github: Started) -> None:
    """Of each model; those that do not exist are named: deleted, or an example of MLflow's."""
    github.drained(new(1), new(2), new(3), new(1, "example_model"))
    assert github.started == [("mlgitops-version", {"model": "wind", "version": 2})]
    assert github.said[0] == "not in the registry: example_model 1, wind 3"
    github.team.version("solar")
    github.drained(new(2), new(1, "solar"))
    payload = {"versions": ["solar 1", "wind 2"], "count": 2}
    assert github.started[1] == ("mlgitops-version", payload)
    github.drained(new(3))
    assert len(github.started) == 2


def test_a_registry_that_is_down_hides_nothing(github: Started) -> None:
    """Drift looks for itself; the log says that nobody else has."""
    github.drained(moved("production"), uri="http://127.0.0.1:9")
    assert [event for event, _ in github.started] == ["mlgitops-drift"]
    assert "is started unchecked" in github.said[0]


def test_github_is_asked_again(github: Started) -> None:
    """A failure is repeated, and told only if it was the last; a refusal is not repeated."""
    github.errors = [GitHubError("GitHub answered with 502")]
    worker = github.worker(settle=0, interval=0)
    worker.offer(new(1))
    worker.run(lambda: bool(github.started))
    assert github.said == ["started mlgitops-version for wind 1"]
    github.errors = [GitHubDeniedError("GitHub denied it")]
    worker = github.worker(settle=0, interval=0)
    worker.offer(new(2))
    worker.run(lambda: len(github.said) > 1)
    said = "could not start mlgitops-version for wind 2 in 1 attempt: GitHub denied it"
    assert github.said[1:] == [said]


def test_a_stop_loses_nothing_unsaid(github: Started) -> None:
    """What cannot be started while the worker stops is tried once, and named."""
    github.errors = [GitHubError("GitHub answered with 502")]
    github.drained(new(1))
    assert github.started == []
    said = "could not start mlgitops-version for wind 1 in 1 attempt: GitHub answered with 502"
    assert github.said == [said]
