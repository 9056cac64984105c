"""What a version did between two moments, by its own counts."""

from __future__ import annotations

import math

from mlgitops.deploy.counts import Count
from mlgitops.deploy.docker.readings import Reading, between


def reading(unanswered: int = 0, **containers: Count) -> Reading:
    """A moment of a version."""
    return Reading(containers=containers, unanswered=unanswered)


def test_the_counts_of_replicas_are_summed() -> None:
    """Each by what it has added; one that was not there before has counted from nothing."""
    before = reading(a=Count(requests=100, errors=50, seconds=9.0), gone=Count(requests=7))
    after = reading(
        a=Count(requests=110, errors=52, failures=1, seconds=10.0), b=Count(requests=10, seconds=1)
    )
    found = between(before, after)
    assert (found.requests, found.errors, found.raised) == (20, 2, 1)
    assert math.isclose(found.milliseconds, 100.0)


def test_a_server_that_was_started_anew_has_counted_from_nothing() -> None:
    """Its counts are smaller than before; nothing is negative."""
    found = between(reading(a=Count(requests=100)), reading(a=Count(requests=3, errors=1)))
    assert (found.requests, found.errors) == (3, 1)


def test_what_no_server_lived_to_count_is_an_error() -> None:
    """The proxy saw it: requests that had no answer, beside the 5xx that both have seen."""
    after = reading(unanswered=5, a=Count(requests=10, errors=2))
    assert between(reading(), after).errors == 5
    assert between(reading(unanswered=4), reading()).errors == 0  # a proxy that was started anew
    dead = between(reading(), reading(unanswered=5))
    assert (dead.requests, dead.errors) == (5, 5)


def test_refusals_count_against_a_version_though_they_are_4xx() -> None:
    """And may be asked again, like its failures."""
    after = reading(a=Count(requests=10, errors=2, failures=1, refusals=3))
    found = between(reading(), after)
    assert (found.errors, found.raised) == (5, 4)
