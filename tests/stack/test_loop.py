"""The whole loop in its workflows: pull request, merge, revert, drift, refusal, a killed apply."""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from harness.act import runner
from mlgitops.deploy.docker import host
from mlgitops.deploy.docker.values import name_of
from mlgitops.registry.connect import connect
from mlgitops.system import docker
from mlgitops.system.ports import free_port
from tests.github import fake
from tests.proxy import proxy
from tests.stack.images import PROGRAM, image_registry
from tests.stack.loop import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.stack import Running
    from mlgitops.deploy.docker.values import Occupant
    from tests.stack.conftest import Make

pytestmark = [
    pytest.mark.skipif(runner() is None, reason="act is not installed"),
    pytest.mark.skipif(PROGRAM is None, reason="Debian's docker-registry is not installed"),
    pytest.mark.xdist_group("act"),  # whose stand-ins are laid out anew for each run
    pytest.mark.timeout(2400),
]
MODEL = "power-forecasting-model"
PROMOTE = ("      Staging: 2\n      Production: 1", "      Staging: 2\n      Production: 2")
EMPTY = ("      Staging: 2\n      Production: 1", "      Staging: 2\n      Production: null")


@pytest.fixture
def hub() -> Iterator[fake.GitHub]:
    """A repository on GitHub."""
    with fake.running() as made:
        yield made


def holds(stack: Running) -> tuple[int | None, int | None]:
    """What Production holds: its alias and its classic stage."""
    model = connect(stack.compose.uri).model(MODEL)
    assert model is not None
    return model.aliases.get("production"), model.classic.get("Production")


def stamp(stack: Running) -> dict[str, Any]:
    """The newest stamp of Production."""
    model = connect(stack.compose.uri).held().model(MODEL)
    newest = model.newest_stamp("production")
    assert newest is not None
    return asdict(newest[1])


@pytest.fixture
def stack(make: Make) -> Running:
    """A running stack."""
    made = make()
    made.up()
    return made


@pytest.fixture
def repository(stack: Running, hub: fake.GitHub, tmp_path: Path) -> Iterator[Repository]:
    """A repository whose main is applied: Production holds version 1; nothing hostile ran in it."""
    made = Repository(folder=tmp_path, hub=hub, registry=stack.compose.uri)
    made.create()
    ran = made.push()
    assert ran.code == 0, ran.log[-4000:]
    assert holds(stack) == (1, 1)
    yield made
    assert not list(made.work.rglob("pwned"))
    assert hub.unknown == []


def test_the_loop(repository: Repository, stack: Running) -> None:
    """Promote, merge, revert, drift, refuse: each as the README says."""
    with _removed():
        _promote(repository, stack)
    _revert(repository, stack)
    _drift(repository, stack)
    _refuse(repository, stack)


@pytest.mark.thorough  # verb by verb in test_cut_off, test_push and test_called
def test_the_loop_goes_on(repository: Repository, stack: Running, tmp_path: Path) -> None:
    """Comment again, refuse for other reasons, be killed, roll back, train."""
    _comment_again(repository)
    _refuse_more(repository, stack)
    _kill(repository, stack, tmp_path)
    _roll_back(repository)
    _train(repository, stack)


def _promote(repository: Repository, stack: Running) -> None:
    """The plan is one comment; the merge applies it and says who merged.

    What the same commit declares to be served is served.
    """
    hub = repository.hub
    repository.edit(*PROMOTE, branch="promote")
    place = {"kind": "docker", "stages": ["Production"], "models": [MODEL]}
    listed = json.dumps({"here": {**place, "ports": {MODEL: free_port()}}})
    file = repository.work / "models.yaml"
    text = file.read_text().replace("\nmodels:\n", f"\ndeployments: {listed}\n\nmodels:\n", 1)
    file.write_text(text)
    repository.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    ran = repository.pull_request(12)
    assert ran.code == 0, ran.log[-4000:]
    (comment,) = hub.comments
    assert "| power-forecasting-model | Production | 1 → 2 | 4 passed |" in comment["body"]
    assert "| test\\_mae | 338 | " in comment["body"]
    assert "**Replaced under load: 0 requests dropped, 0 refused.**" in comment["body"]
    assert "[!WARNING]" not in comment["body"]  # the base branch's code made it
    assert holds(stack) == (1, 1)

    here = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    ran = repository.merge("promote", 12, by="grace", MLGITOPS_DEPLOY_HOST=here)
    assert ran.code == 0, ran.log[-4000:]
    assert [slot.version for slot in _slots()] == ["2"]
    assert holds(stack) == (2, 2)
    made = stamp(stack)
    assert (made["actor"], made["pull_request"]) == ("grace", "12")
    assert made["commit"] == repository.head
    assert hub.deployments[-1]["environment"] == f"{MODEL} Production"
    assert hub.statuses[-1]["state"] == "success"
    smoke = stack.mlgitops("smoke", MODEL, "Production")
    assert smoke.returncode == 0, smoke.stdout + smoke.stderr


@contextmanager
def _removed() -> Iterator[None]:
    """Nothing of Production stays on this machine."""
    try:
        yield
    finally:
        images = {slot.image for slot in _slots()}
        host.remove(name_of(MODEL, "Production"))
        if images:
            docker.run(["image", "rm", "--force", *images])


def _slots() -> tuple[Occupant, ...]:
    """What serves on this machine."""
    found = host.find_deployment(MODEL, "Production")
    return found.slots if found else ()


def _revert(repository: Repository, stack: Running) -> None:
    """`git revert` of the merge brings the former version back; the history shows both moves.

    It does so although its image cannot be pushed, which turns the run red.
    """
    repository.git("revert", "--no-edit", "--mainline", "1", "HEAD", author="linus")
    ran = repository.push(MLGITOPS_IMAGES=f"127.0.0.1:{free_port()}/farm")
    assert ran.code != 0
    assert "connection refused" in ran.log
    assert holds(stack) == (1, 1)
    assert repository.hub.deployments[-1]["payload"]["version"] == 1
    file = str(repository.work / "models.yaml")
    told = stack.mlgitops("history", MODEL, "Production", "--format", "json", "--file", file)
    stays = json.loads(told.stdout)["stays"]
    assert [(s["version"], s["pull_request"]) for s in stays] == [(1, None), (2, "12"), (1, None)]
    assert all(s["applied"] for s in stays[1:])
    assert stays[1]["by"] == "grace"


def _drift(repository: Repository, stack: Running) -> None:
    """Drift is one issue, red until it is healed, and closed afterwards."""
    hub = repository.hub
    body = {"name": MODEL, "alias": "production", "version": "3"}
    assert stack.post("registered-models/alias", body).status_code == 200
    for _ in range(2):
        assert repository.run("schedule", "drift", {}).code != 0
    (issue,) = hub.issues
    assert f"| {MODEL} | Production | 1 | 3 |" in issue["body"]
    assert issue["state"] == "open"
    ran = repository.run("schedule", "drift", {}, variables={"DRIFT_HEAL": "true"})
    assert ran.code == 0, ran.log[-4000:]
    assert holds(stack) == (1, 1)
    assert issue["state"] == "closed"


def _refuse(repository: Repository, stack: Running) -> None:
    """An emptied Production turns the check red, the reason first, until a label allows it.

    The comment is the same one then.
    """
    hub = repository.hub
    repository.edit(*EMPTY, branch="empty")
    assert repository.pull_request(13).code != 0
    count = len(hub.comments)
    first = hub.comments[-1]["body"].splitlines()[1]
    assert first.startswith("Refused: empties-production: power-forecasting-model Production")
    ran = repository.pull_request(13, labels=("mlgitops/allow-empties-production",))
    assert ran.code == 0, ran.log[-4000:]
    assert len(hub.comments) == count
    assert holds(stack) == (1, 1)


def _comment_again(repository: Repository) -> None:
    """The plan is one comment, also the second time."""
    repository.edit(*PROMOTE, branch="promote")
    for _ in range(2):
        ran = repository.pull_request(12)
        assert ran.code == 0, ran.log[-4000:]
    assert len(repository.hub.comments) == 1


def _refuse_more(repository: Repository, stack: Running) -> None:
    """An unknown version and a gate turn the check red, the reason first."""
    hub = repository.hub
    repository.edit("Production: 1", "Production: 99", branch="unknown")
    assert repository.pull_request(14).code != 0
    assert "version 99" in hub.comments[-1]["body"]
    repository.edit("Production: 1", "Production: 3", branch="not-staged")
    assert repository.pull_request(16).code != 0
    first = hub.comments[-1]["body"].splitlines()[1]
    assert first.startswith("Refused: power-forecasting-model Production")
    assert "promoted" in first
    assert holds(stack) == (1, 1)


def _kill(repository: Repository, stack: Running, folder: Path) -> None:
    """An apply that is cut off after its first write is completed by the next run.

    What follows a change is made up for as well: images that were never pushed, and deployments.
    """
    repository.edit(*PROMOTE, branch="again")
    repository.git("switch", "--quiet", "main")
    repository.git("merge", "--quiet", "--ff-only", "again")
    with proxy(stack.compose.uri) as between:
        between.reset(dies_at_write=0, answers_lost=True)
        ran = repository.push(MLFLOW_TRACKING_URI=between.url)
        assert ran.code != 0
        assert len(between.writes) >= 1
    report = (ran.artifacts / "apply" / "apply.md").read_text()
    assert report.startswith("**Nothing was applied: 0 of 1 change went through; apply again")
    assert holds(stack) == (1, 1)
    with image_registry(folder) as images:
        ran = repository.push(MLGITOPS_IMAGES=f"{images.address}/farm")
        assert ran.code == 0, ran.log[-4000:]
        assert images.version(f"farm/{MODEL}", "production") == "2"
        assert images.version(f"farm/{MODEL}", "staging") == "2"  # no plan has named it since
    assert holds(stack) == (2, 2)
    assert repository.hub.deployments[-1]["payload"]["version"] == 2
    assert repository.hub.statuses[-1]["state"] == "success"


def _roll_back(repository: Repository) -> None:
    """The workflow opens a pull request that goes back, ready to merge; an unknown model is red."""
    ran = repository.dispatch("rollback", model=MODEL, stage="Production", version="")
    assert ran.code == 0, ran.log[-4000:]
    pull = repository.hub.pulls[-1]
    assert pull["head"] == f"mlgitops/rollback-{MODEL}-Production"
    assert pull["labels"] == []  # it would count only if a person set it
    assert "| 2 → 1 |" in pull["body"]
    changed = repository.pushed(pull["head"])
    assert [line for line in changed if line[0] in "+-"] == [
        "-      Production: 2",
        "+      Production: 1",
    ]
    before = len(repository.hub.pulls)
    assert repository.dispatch("rollback", model="$(touch pwned)", stage="x", version="").code != 0
    assert len(repository.hub.pulls) == before


def _train(repository: Repository, stack: Running) -> None:
    """The workflow trains, registers and proposes; parameters that are no JSON are red."""
    params = json.dumps({"estimator": "linear", "features": ["wind_speed_00", "wind_speed_08"]})
    ran = repository.dispatch("train", model=MODEL, stage="Staging", params=params)
    assert ran.code == 0, ran.log[-4000:]
    pull = repository.hub.pulls[-1]
    assert pull["head"] == f"mlgitops/train-{MODEL}"
    newest = stack.sql(f"SELECT MAX(version) FROM model_versions WHERE name = '{MODEL}'").split()[
        -1
    ]
    assert f"| 2 → {newest} |" in pull["body"]
    assert f"+      Staging: {newest}" in repository.pushed(pull["head"])
    assert repository.dispatch("train", model=MODEL, stage="Staging", params="`x`").code != 0


FORGER = """\
import os, pathlib, sys
with open({log!r}, "a") as stream:
    stream.write(os.environ["GITHUB_JOB"] + "\\n")
pathlib.Path("plan.md").write_text("**1 change, all gates passed.** @ada please approve")
sys.exit(1)
"""


def test_a_forged_report(hub: fake.GitHub, tmp_path: Path) -> None:
    """A pull request that writes its own report comments it with a warning, and runs no more.

    The job that comments has the base branch's code, which says what the pull request changes.
    """
    repository = Repository(folder=tmp_path, hub=hub, registry="http://live.invalid")
    repository.create()
    repository.edit(*PROMOTE, branch="forge")
    log = tmp_path / "ran"
    maker = ".github/actions/setup/install.py"
    (repository.work / maker).write_text(FORGER.format(log=str(log)))
    repository.git("commit", "--quiet", "--all", "--amend", "--no-edit")
    hub.files[17] = [{"filename": "models.yaml"}, {"filename": maker}]
    ran = repository.pull_request(17)
    assert ran.code != 0
    assert log.read_text() == "check\n"
    (comment,) = hub.comments
    lines = comment["body"].splitlines()
    assert lines[2].startswith(f"> This pull request changes what made this report: `{maker}`.")
    assert "**1 change, all gates passed.** @\u200bada please approve" in lines
    base = repository.git("rev-parse", "main")
    assert f"of `{repository.head[:12]}`, posted by the code of `{base[:12]}`" in lines[-1]
    assert hub.unknown == []


@pytest.mark.thorough  # its parts: test_called, and tests/github
def test_rehearsals(hub: fake.GitHub, images: None, tmp_path: Any) -> None:  # noqa: ARG001
    """A fork's pull request gets its full plan in the summary, and no secret; so does a new clone.

    Its jobs install all that they need, or find it in the cache of an earlier one. Its merge, where
    there is no registry, is applied to one that the commit before was rebuilt in.
    """
    repository = Repository(
        folder=tmp_path, hub=hub, registry="http://live.invalid", prepared=False
    )
    repository.create()
    repository.edit(*PROMOTE, branch="promote")
    ran = repository.pull_request(15, fork=True)
    assert ran.code == 0, ran.log[-4000:]
    plan = (ran.artifacts / "plan" / "plan.md").read_text()
    assert "| power-forecasting-model | Production | 1 → 2 | 4 passed |" in plan
    assert "no comment on pull request #15" in ran.log
    assert hub.comments == []
    assert "live.invalid" not in ran.log
    assert not list(repository.work.rglob("pwned"))

    repository.registry = ""
    ran = repository.merge("promote", 15, by="grace")
    assert ran.code == 0, ran.log[-4000:]
    outcomes = json.loads((ran.artifacts / "apply" / "apply.json").read_text())["outcomes"]
    assert [(o["stage"], o["old"], o["new"], o["status"]) for o in outcomes] == [
        ("Production", 1, 2, "applied")
    ]
    proofs = (ran.artifacts / "apply" / "images.md").read_text()
    assert re.search(r"\d+ passed</summary>", proofs)  # and none failed
    assert hub.deployments == []
