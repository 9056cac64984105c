"""An apply that is interrupted says what it did, what is half done and what it did not begin."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from harness.waiting import eventually
from tests.core.test_turn import declared, locks
from tests.proxy import HangUpError

if TYPE_CHECKING:
    from tests.proxy import Answered, Asked, PassOn, Proxy
    from tests.team import Team

SLEEPING = """
import time
from pathlib import Path

def train():
    Path("begun").touch()
    time.sleep(300)
"""

FIRST = 3  # models whose stamps are written before it is interrupted


def test_any_verb_unwinds_when_it_is_terminated(team: Team) -> None:
    """What it has begun elsewhere is ended: here a run, which would go on for ever."""
    (team.folder / "slowly").mkdir()
    (team.folder / "slowly" / "slow.py").write_text(SLEEPING)
    team.write("recipes: slowly\nmodels: {m: {versions: {1: {train: slow}}, stages: {}}}\n")
    verb = subprocess.Popen(
        [sys.executable, "-m", "mlgitops", "train"],
        cwd=team.folder,
        env={**os.environ, "MLFLOW_TRACKING_URI": team.uri},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually((team.folder / "begun").exists, within=90)
        verb.terminate()
        _, told = verb.communicate(timeout=60)
    finally:
        verb.kill()
        verb.wait()

    assert (verb.returncode, told.splitlines()[-1]) == (143, "error: terminated")
    (run,) = team.client.search_runs(
        [one.experiment_id for one in team.client.search_experiments()]
    )
    assert run.info.status in ("FAILED", "KILLED")


@pytest.mark.xdist_group("server")
@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="Ctrl-C", marks=pytest.mark.thorough),
        pytest.param(signal.SIGTERM, 143, id="SIGTERM"),
    ],
)
def test_what_has_begun_is_finished_and_the_rest_is_left(
    remote: Team,
    proxied: Proxy,
    number: signal.Signals,
    code: int,
) -> None:
    """The report lists each change, no lock is left, and the next plan shows no drift."""
    names = declared(remote, 40)  # the signal comes late on a busy machine
    sent: list[int] = []

    def meddle(asked: Asked, pass_on: PassOn) -> Answered:
        if asked.path.endswith("model-versions/set-tag") and len(sent) <= FIRST:
            sent.append(1)
            if len(sent) == FIRST:
                os.kill(os.getpid(), number)
        return pass_on(asked)

    proxied.meddle = meddle
    ran = remote.run("apply", "--allow", "many-changes", "--report", "out.json")

    assert ran.code == code
    assert "error: interrupted" in ran.err
    report = json.loads((remote.folder / "out.json").read_text())["outcomes"]
    told = Counter(one["status"] for one in report)
    assert set(told) == {"applied", "not attempted"}
    assert {o["reason"] for o in report if o["status"] == "not attempted"} == {
        "the apply was interrupted"
    }
    applied = {one["model"] for one in report if one["status"] == "applied"}
    assert applied == {name for name in names if remote.aliases(name)}
    assert locks(remote) == []
    proxied.meddle = lambda asked, pass_on: pass_on(asked)
    remote.ok("apply", "--allow", "many-changes", "--registry", remote.uri)


@pytest.mark.xdist_group("server")
def test_a_server_that_dies_leaves_half_done_what_it_had_begun(
    remote: Team, proxied: Proxy
) -> None:
    """Each change is reported as far as it is known, and what is half done is no drift."""
    names = declared(remote, 12)
    dead: list[int] = []

    def meddle(asked: Asked, pass_on: PassOn) -> Answered:
        if asked.path.endswith("transition-stage"):
            dead.append(1)
        if len(dead) > FIRST:
            raise HangUpError
        return pass_on(asked)

    proxied.meddle = meddle
    ran = remote.run("apply", "--allow", "many-changes", "--report", "out.json")

    assert ran.code == 4
    report = json.loads((remote.folder / "out.json").read_text())["outcomes"]
    told = {one["model"]: one for one in report}
    # whether one fails whose stamp was the first request to be lost is a matter of luck
    assert {"applied", "half done", "not attempted"} == {o["status"] for o in report} - {"failed"}
    for name in names:
        status, reason = told[name]["status"], told[name]["reason"]
        assert ("could not be read back" in reason) == (status == "applied")
        assert (remote.classic("Production", name) == 1) == (status == "applied")
        if remote.aliases(name) == {"production": 1}:
            assert status in ("applied", "half done")
    stages = remote.ok("status", "--format", "json", "--registry", remote.uri).document["stages"]
    assert {stage["state"] for stage in stages} == {"in sync", "pending"}
    unfinished = {
        s["model"] for s in stages if "is under way or was interrupted" in (s["note"] or "")
    }
    assert unfinished >= {name for name in names if told[name]["status"] == "half done"}
    proxied.meddle = lambda asked, pass_on: pass_on(asked)
    remote.ok("apply", "--allow", "many-changes", "--registry", remote.uri)
    assert locks(remote) == []
