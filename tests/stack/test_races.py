"""Pairs of applies at once on a real server, and real processes that are ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from mlflow import MlflowClient

from harness import servers
from mlgitops.core import turn
from tests.core.racing import Race
from tests.core.test_turn import declared, locks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.proxy import Answered, Asked, PassOn, Proxy
    from tests.team import Team

pytestmark = pytest.mark.xdist_group("server")

MANY = ("--allow", "many-changes")
BEGUN = 12  # changes, of 30, at which a process is ended: some are done


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("pairs", [20, 200])
@pytest.mark.thorough
@pytest.mark.parametrize("database", [pytest.param("sqlite", marks=pytest.mark.no_docker), "mysql"])
def test_pairs_leave_nothing_torn(
    database: str, pairs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No stage has two stamps of one move, nor an alias apart from its classic stage."""
    monkeypatch.setattr(turn, "PACE", turn.Pace(ask=0.02, silent=10_000))
    race = Race(uri="", models=["first", "second"])
    if database == "sqlite":
        with servers.server(tmp_path) as race.uri:
            _run(race, pairs)
    else:
        with (
            servers.mysql() as mysql,
            servers.server(tmp_path, store=mysql.database("mlflow")) as race.uri,
        ):
            _run(race, pairs)


def _run(race: Race, pairs: int) -> None:
    race.prepare(MlflowClient(race.uri, race.uri))
    race.run(pairs)
    assert (race.torn, race.wrong) == (0, [])


def apply(team: Team, url: str) -> subprocess.Popen[str]:
    """A real `mlgitops apply` of many models."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "mlgitops", "apply", *MANY),
            *("--actor", "eve", "--report", "out.json"),
        ],
        cwd=team.folder,
        env={**os.environ, "MLFLOW_TRACKING_URI": url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.no_docker
@pytest.mark.parametrize(
    ("sent", "code", "told"),
    [
        pytest.param([signal.SIGINT], 130, {"applied", "not attempted"}, id="Ctrl-C"),
        pytest.param(
            [signal.SIGTERM],
            143,
            {"applied", "not attempted"},
            id="SIGTERM",
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            [signal.SIGINT] * 2,
            -signal.SIGINT,
            set(),
            id="Ctrl-C twice",
            marks=pytest.mark.thorough,
        ),
        pytest.param([signal.SIGKILL], -signal.SIGKILL, set(), id="SIGKILL"),
    ],
)
def test_a_process_that_is_ended(
    remote: Team, proxied: Proxy, sent: list[int], code: int, told: set[str]
) -> None:
    """Asked to end, it finishes and reports; made to end, it leaves a lock that tells of it."""
    declared(remote, 30)
    stamps: list[int] = []
    first = threading.Lock()
    begun: list[subprocess.Popen[str]] = []

    def meddle(asked: Asked, pass_on: PassOn) -> Answered:
        stamps.extend([1] * asked.path.endswith("model-versions/set-tag"))
        if len(stamps) >= BEGUN and first.acquire(blocking=False):
            begun[0].send_signal(sent[0])
        elif first.locked():
            for number in sent[1:]:  # whoever presses Ctrl-C again may press it several times
                begun[0].send_signal(number)
        return pass_on(asked)

    proxied.meddle = meddle
    begun.append(apply(remote, proxied.url))
    _, said = begun[0].communicate(timeout=120)

    assert begun[0].returncode == code, said
    report = remote.folder / "out.json"
    statuses = json.loads(report.read_text())["outcomes"] if report.exists() else []
    assert set(Counter(one["status"] for one in statuses)) == told
    assert bool(locks(remote)) == (not told)
    proxied.meddle = lambda asked, pass_on: pass_on(asked)
    plan = remote.ok("plan", "--quick", *MANY, "--format", "json").document
    assert 0 < len(plan["changes"]) < 30
    assert not any(change["drift"] for change in plan["changes"])
    remote.ok("apply", *MANY)
    assert locks(remote) == []
    assert remote.run("plan", "--exit-code").code == 0
