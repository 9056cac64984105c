"""An apply that is killed at any request leaves a registry that the next apply completes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.proxy import failure

if TYPE_CHECKING:
    from tests.proxy import Proxy
    from tests.team import Team

pytestmark = pytest.mark.xdist_group("server")

BEFORE = {"Staging": 2, "Production": 1, "Shadow": 3, "Old": 1}
AFTER = {"Staging": 3, "Production": 2, "Shadow": None}  # "Old" leaves the file


def prepared(team: Team, model: str) -> None:
    """A model whose stages were applied, and then a new desired state."""
    team.stages(model, **BEFORE)
    team.ok("apply", "--actor", "ada", "--commit", "before", "--registry", team.uri)
    team.stages(model, **AFTER)
    team.file.write_text(f"{team.file.read_text()[:-2]}, Old]\n", encoding="utf-8")


def check_converged(team: Team, model: str) -> None:
    """The registry is as desired, by both addresses, and every stamp is true."""
    assert team.aliases(model) == {"staging": 3, "production": 2}
    assert (team.classic("Staging", model), team.classic("Production", model)) == (3, 2)
    for stage, version, previous in (("Staging", 3, 2), ("Production", 2, 1)):
        stamp = team.tag(version, stage, model)
        assert stamp is not None
        assert (version, previous) == (stamp["version"], stamp["previous"])
        assert stamp["actor"] in ("eve", "bob")  # whoever wrote the stamp also moved the stage
    for stage, version in (("Shadow", 3), ("Old", 1)):
        stamp = team.tag(version, stage, model)
        assert stamp is not None
        assert stamp["version"] is None
    assert team.run("plan", "--exit-code", "--registry", team.uri).code == 0
    # where all was done but the end, nothing waits for the lock before there is something to do
    names = {one.name for one in team.client.search_registered_models()}
    assert names <= {model, "mlgitops.lock"}


def states(team: Team) -> set[str]:
    """How the stages stand."""
    found = team.ok("status", "--format", "json", "--registry", team.uri).document
    return {stage["state"] for stage in found["stages"]}


def test_a_second_apply_makes_no_write_request(remote: Team, proxied: Proxy) -> None:
    """Counted at the server: the first apply writes, the second and a plan only read."""
    remote.versions(3, "idempotent")
    prepared(remote, "idempotent")
    proxied.reset()
    remote.ok("plan")
    assert proxied.writes == []

    remote.ok("apply")
    assert proxied.writes

    proxied.reset()
    remote.ok("apply")
    assert proxied.writes == []
    assert proxied.seen


def test_reading_costs_pages_not_models(remote: Team, proxied: Proxy) -> None:
    """A plan without changes asks as often for eight models as for one."""
    counts = []
    for number in (1, 8):
        names = [f"page-{i}" for i in range(number)]
        for name in names:
            remote.versions(1, name)
        body = "\n".join(f"  {name}: {{stages: {{Production: 1}}}}" for name in names)
        remote.write(f"models:\n{body}\n")
        remote.ok("apply")
        proxied.reset()
        remote.ok("plan")
        counts.append(len(proxied.seen))
    assert counts[0] == counts[1]


def test_killed_without_a_chance_to_clean_up(remote: Team, proxied: Proxy) -> None:
    """SIGKILL in the middle of the writes of a real process: the next apply converges."""
    remote.versions(3, "killed")
    prepared(remote, "killed")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlgitops", "apply", "--actor", "eve"],
        cwd=remote.folder,
        env={**os.environ, "MLFLOW_TRACKING_URI": proxied.url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    proxied.reset(dies_at_write=5, answers_lost=True)
    proxied.on_death = lambda: os.kill(process.pid, signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert len(proxied.writes) == 6

    assert states(remote) == {"pending"}
    remote.ok("apply", "--actor", "bob", "--registry", remote.uri)
    check_converged(remote, "killed")


def test_a_server_that_fails_every_write_ends_the_apply_soon(remote: Team, proxied: Proxy) -> None:
    """After a few models the others are not attempted, and the report says so for each."""
    names = [f"doomed-{number:02}" for number in range(40)]
    for name in names:
        remote.versions(1, name)
    body = "\n".join(f"  {name}: {{stages: {{Production: 1}}}}" for name in names)
    remote.write(f"models:\n{body}\n")
    proxied.reset()
    proxied.meddle = lambda asked, pass_on: failure(500) if asked.writes else pass_on(asked)

    ran = remote.run("apply", "--allow", "many-changes", "--format", "json")

    assert ran.code == 4
    outcomes = Counter(one["status"] for one in ran.document["outcomes"])
    assert outcomes.total() == len(names)
    assert outcomes["failed"] < 20
    assert outcomes["not attempted"] == len(names) - outcomes["failed"]
    assert "keeps failing with a server error" in ran.err
