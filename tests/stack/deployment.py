"""A deployment of a stage on a real engine, by a team and its models.yaml."""

from __future__ import annotations

import json
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests

from harness.calling import callers
from mlgitops.deploy.docker import host
from mlgitops.deploy.docker.values import name_of
from mlgitops.image.build import build
from mlgitops.image.spec import BuildOptions
from mlgitops.registry.connect import connect
from mlgitops.system import docker
from mlgitops.system.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from mlgitops.deploy.docker.values import Occupant
    from mlgitops.serve.load_test import Load
    from tests.team import Ran, Team

WIND = "power-forecasting-model"
BODY = json.dumps(
    [
        {f"{name}_{hour}": 5.0 for hour in ("00", "08", "16") for name in names}
        for names in [("temperature", "wind_direction", "wind_speed")]
    ]
).encode()


@dataclass(frozen=True, kw_only=True)
class Host:
    """One deployment of a stage that no one else has, and a team that deploys to it."""

    team: Team
    stage: str
    port: int

    @property
    def owner(self) -> str:
        """Who manages it: what one test has declared is not for another to prune."""
        return f"test/{self.stage}"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def slots(self) -> tuple[Occupant, ...]:
        """What is in its slots."""
        found = host.find_deployment(WIND, self.stage)
        return found.slots if found else ()

    def hold(self, version: int | None) -> None:
        """Have the stage hold a version, by way of models.yaml."""
        self.team.stages(WIND, **{self.stage: version})
        self.team.ok("apply")

    def deploy(self, *options: str, **keys: Any) -> Ran:
        """`mlgitops deploy` for it, declared with these keys."""
        self.declare(**keys)
        return self.team.run("deploy", *options)

    def declare(self, **keys: Any) -> None:
        """Declare its deployment in models.yaml, in the place of one that is there."""
        place = {
            "kind": "docker",
            "stages": [self.stage],
            "ports": {WIND: self.port},
            "rollout": {"watch": "1s", "start_timeout": "300s"},
        }
        text = self.team.file.read_text().partition("deployments:")[0].removeprefix("version: 2\n")
        listed = json.dumps({"edge": {**place, **keys}})
        self.team.file.write_text(f"version: 2\n{text}deployments: {listed}\n")

    def image(self, version: int) -> str:
        """The image of a version, under a name that no one else uses."""
        options = BuildOptions(repository=f"mlgitops-test-{self.stage}".lower())
        return build(connect(self.team.uri), WIND, str(version), options).tags[0]

    def answer(self) -> int:
        """The status of an answer to a good request."""
        headers = {"Content-Type": "application/json"}
        return requests.post(
            f"{self.url}/invocations", BODY, headers=headers, timeout=30
        ).status_code

    def callers(self, *bodies: bytes) -> AbstractContextManager[list[Load]]:
        """Eight callers for each body, who ask again and again; the list has what they got."""
        return callers(self.url, *(bodies or (BODY,)), connections=8)


@contextmanager
def a_deployment(farm: Team) -> Iterator[Host]:
    """A deployment to be, of an owner of its own; nothing of it stays."""
    made = Host(team=farm, stage=f"Trial-{secrets.token_hex(4)}", port=free_port())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLGITOPS_OWNER", made.owner)
        try:
            yield made
        finally:
            host.remove(name_of(WIND, made.stage))
    labelled = ["image", "ls", "--quiet", "--filter", f"label=mlgitops.stage={made.stage}"]
    named = ["image", "ls", "--quiet", "--filter", f"reference=*{made.stage.lower()}*"]
    below = ["image", "ls", "--quiet", "--filter", f"reference=*{made.stage.lower()}*/*"]
    mine = {identity for command in (labelled, named, below) for identity in _run(command)}
    if mine:
        docker.run(["image", "rm", "--force", *mine])
    filters = ["--quiet", "--filter", f"name={name_of(WIND, made.stage)}"]
    assert docker.run(["ps", "--all", *filters]) == docker.run(["network", "ls", *filters]) == ""


def _run(command: list[str]) -> list[str]:
    return docker.run(command).split()
