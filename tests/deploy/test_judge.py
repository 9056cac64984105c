"""Whether a canary may go on."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from mlgitops.core.deployments import Canary
from mlgitops.deploy.judge import Trial, chance, confirmed, failing, objection

CANARY = Canary(share=10, seconds=60.0, requests=50, slower=1.5)
counts = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


def trial(requests: int, errors: int, milliseconds: float = 2.0) -> Trial:
    """What one version did."""
    return Trial(requests=requests, errors=errors, milliseconds=milliseconds)


def test_a_canary_like_the_old_version_goes_on() -> None:
    """As many errors, as much time: no objection."""
    assert objection(trial(100, 1), trial(900, 9), CANARY) == ""


def test_too_few_requests_say_nothing() -> None:
    """A canary that was hardly asked does not go on."""
    said = objection(trial(49, 0), trial(10_000, 0), CANARY)
    assert said.startswith("it got 49 requests in 60 s, too few")


def test_more_errors_than_chance_gives() -> None:
    """3 of 100 beside 2 of 900 is no chance; 1 of 100 is."""
    assert "fails more often" in objection(trial(100, 5), trial(900, 2), CANARY)
    assert objection(trial(100, 1), trial(900, 2), CANARY) == ""


def test_too_slow() -> None:
    """More than one and a half times as long."""
    said = objection(trial(100, 0, 3.2), trial(900, 0, 2.0), CANARY)
    assert said.startswith("it takes 1.6 times as long, more than 1.5")
    assert objection(trial(100, 0, 2.9), trial(900, 0, 2.0), CANARY) == ""


def test_nothing_to_compare_with() -> None:
    """Where the old version got nothing, no error is allowed."""
    idle = trial(0, 0, math.nan)
    assert objection(trial(100, 1), idle, CANARY) == "1 of 100 requests failed"
    assert objection(trial(100, 0), idle, CANARY) == ""


def test_what_the_old_version_cannot_answer_either_is_held_against_nobody() -> None:
    """Requests that the model raised an error for count by the part that the old one answers."""
    old = trial(100, 0)

    def judge(new: Trial) -> str:
        return failing(new, old)

    half = Trial(requests=100, errors=40, raised=40)
    assert "40 errors" in confirmed(judge, half, lambda: 1.0)
    assert "20 errors" in confirmed(judge, half, lambda: 0.5)
    assert confirmed(judge, half, lambda: 0.0) == ""
    late = Trial(requests=100, errors=40, raised=10)  # 30 had no answer in time: those count
    assert "30 errors" in confirmed(judge, late, lambda: 0.0)


def test_nobody_is_asked_again_without_need() -> None:
    """Where there is no objection, or the model has raised nothing."""

    def asked() -> float:
        raise AssertionError

    assert confirmed(lambda _: "", Trial(requests=9, errors=1, raised=1), asked) == ""
    assert confirmed(lambda _: "slow", trial(9, 0), asked) == "slow"


@given(counts, counts)
def test_the_chance_is_a_probability_that_falls_with_errors(
    new: tuple[int, int], old: tuple[int, int]
) -> None:
    """One more error is never likelier, and none at all is certain."""
    found = chance(trial(*new), trial(*old))
    assert 0 <= found <= 1 + 1e-9
    assert chance(trial(new[0], 0), trial(*old)) == 1
    if new[1] < new[0]:
        assert chance(trial(new[0], new[1] + 1), trial(*old)) <= found + 1e-9
