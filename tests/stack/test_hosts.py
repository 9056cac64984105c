"""A deployment on three Docker engines: one after the other, one of them killed in the middle."""

from __future__ import annotations

import json
import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import requests

from harness import engine
from harness.engine import another
from harness.waiting import eventually
from mlgitops.deploy.docker import front
from tests.stack.images import PROGRAM, image_registry

if TYPE_CHECKING:
    from pathlib import Path

    from harness.engine import Engine
    from tests.team import Ran, Team

WIND = "power-forecasting-model"
PORT, _DOCKER = 5001, 2375
_BY_TCP = ("--host", f"tcp://0.0.0.0:{_DOCKER}", "--tls=false")

pytestmark = [
    pytest.mark.xdist_group("deploy"),
    pytest.mark.timeout(1800),
    pytest.mark.skipif(engine.missing() is not None, reason=str(engine.missing())),
    pytest.mark.skipif(PROGRAM is None, reason="Debian's docker-registry is not installed"),
]


@pytest.mark.thorough  # one that is down: test_deploy_down
def test_three_hosts(farm: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is down is reported, the rest are done, exit code 4; the next run catches up.

    A version that does not prove itself on the first is tried on no other.
    """
    stage = f"Hosts-{secrets.token_hex(4)}"
    monkeypatch.setenv("MLGITOPS_OWNER", f"test/{stage}")
    with ExitStack() as cleanup:
        images = cleanup.enter_context(image_registry(tmp_path))
        proxy = front.image()
        hosts = [cleanup.enter_context(another(*_BY_TCP)) for _ in range(3)]
        for one in hosts:
            one.take(proxy)
            cleanup.enter_context(one.reaching(images.address))
        team = _Hosts(farm, stage, f"{images.address}/wind", hosts)

        ran = team.deploy(1)
        assert ran.code == 0, ran.err
        assert [line.partition(": ")[2].partition(" at ")[0] for line in ran.out.splitlines()] == [
            "version – → 1: serves"
        ] * 3
        assert team.answers() == ["1", "1", "1"]
        assert team.states() == ["serving"] * 3

        hosts[1].kill()
        ran = team.deploy(2)
        assert ran.code == 4
        down = team.hosts[1]
        assert f"{WIND} {stage} in {down}: {down} does not answer" in ran.err
        assert "catches up" in ran.err
        assert team.answers() == ["2", "1", "2"]  # its containers run on, as nobody's
        assert team.states() == ["serving", "unknown", "serving"]

        hosts[1].start()
        behind = ["serving", "behind", "serving"]
        eventually(lambda: team.states() == behind, within=120)  # its containers start again
        ran = team.deploy(2)
        assert ran.code == 0, ran.err
        assert team.answers() == ["2", "2", "2"]
        again = farm.run("deploy", "--plan", "--exit-code")
        assert again.code == 0, again.out

        ran = team.deploy(1, rollout={"start_timeout": "1s"})
        assert ran.code == 6
        assert ran.err.count("never became ready") == 1
        assert ran.err.count(f"did not prove itself in {team.hosts[0]}") == 2
        assert team.answers() == ["2", "2", "2"]

        ran = team.deploy(1, stages=[], ports={})
        assert ran.out.count(": removed") == 3, ran.err


class _Hosts:
    """A team that deploys to engines."""

    def __init__(self, team: Team, stage: str, repository: str, engines: list[Engine]) -> None:
        self._team, self._stage, self._engines = team, stage, engines
        self._repository = repository
        self.hosts = [f"tcp://{one.address}:{_DOCKER}" for one in engines]

    def deploy(self, version: int, **keys: object) -> Ran:
        """Have the stage hold a version, and deploy."""
        edge = {
            "kind": "docker",
            "hosts": self.hosts,
            "stages": [self._stage],
            "ports": {WIND: PORT},
            "bind": "0.0.0.0",  # noqa: S104 - of an engine's own namespace
            "rollout": {"watch": "1s", "start_timeout": "600s"},
        }
        self._team.stages(WIND, **{self._stage: version})
        text = f"version: 2\nimages: {self._repository}\n{self._team.file.read_text()}"
        self._team.file.write_text(f"{text}deployments: {json.dumps({'edge': {**edge, **keys}})}\n")
        self._team.ok("apply")
        return self._team.run("deploy")

    def answers(self) -> list[str]:
        """The versions that callers get, engine by engine."""
        urls = [f"http://{one.address}:{PORT}/version" for one in self._engines]
        return [requests.get(url, timeout=60).headers["X-Serving-Version"] for url in urls]

    def states(self) -> list[str]:
        """What `status` says of each."""
        found = self._team.ok("status", "--format", "json").document["deployments"]
        return [one["state"] for one in found]
