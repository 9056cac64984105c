"""An apply that is cut off at any of its requests: the next one converges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.core.test_faults import check_converged, prepared, states

if TYPE_CHECKING:
    from tests.proxy import Proxy
    from tests.team import Team

pytestmark = pytest.mark.xdist_group("server")


@pytest.mark.thorough
def test_cut_off_before_each_request_in_turn(remote: Team, proxied: Proxy) -> None:
    """Whichever request is the first that does not get through, the next apply converges."""
    remote.versions(3, "request-lost")
    prepared(remote, "request-lost")
    proxied.reset()
    remote.ok("apply")
    requests = of_the_changes(proxied.seen)
    assert len(requests) > 10
    for number in requests:
        prepared(remote, "request-lost")
        proxied.reset(dies_at=number)
        cut_off_and_completed(remote, "request-lost")


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.thorough)])
def test_cut_off_after_a_write(remote: Team, proxied: Proxy, every: int) -> None:
    """Whichever write is the last that is made, its answer lost, the next apply converges."""
    model = f"answer-lost-{every}"
    remote.versions(3, model)
    prepared(remote, model)
    proxied.reset()
    remote.ok("apply")
    writes = of_the_changes(proxied.writes)
    assert len(writes) > 5
    for number in writes[::every]:
        prepared(remote, model)
        proxied.reset(dies_at_write=number, answers_lost=True)
        cut_off_and_completed(remote, model)


def of_the_changes(requests: list[tuple[str, str]]) -> list[int]:
    """The numbers of those that are not the record's, which an apply can do without."""
    record = ("/version", "/experiments/", "/runs/")
    return [n for n, (_, path) in enumerate(requests) if not any(one in path for one in record)]


def cut_off_and_completed(team: Team, model: str) -> None:
    """One apply that is cut off and says so, one that is not, and the state after both."""
    ran = team.run("apply", "--actor", "eve", "--commit", "cut")
    # what is cut off after all was read back is the end of the lock
    assert ran.code in (1, 4) or "mlgitops.lock is left behind" in ran.err, ran.out + ran.err
    assert (ran.code != 0) == ("error: " in ran.err)
    assert "drift" not in states(team)
    team.ok("apply", "--actor", "bob", "--commit", "after", "--registry", team.uri)
    check_converged(team, model)
