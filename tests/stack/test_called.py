"""Workflows and the action that other repositories call, from a repository without any of ours."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from harness.act import Ran, runner
from harness.prepared import prepare
from harness.stack import ROOT
from tests import wheels
from tests.github import fake
from tests.github.fake import TOKEN
from tests.stack.loop import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlgitops.registry.embedded import Embedded
    from tests.team import Team

pytestmark = [
    pytest.mark.no_docker,
    pytest.mark.skipif(runner() is None, reason="act is not installed"),
    pytest.mark.xdist_group("act"),  # whose stand-ins are laid out anew for each run
    pytest.mark.timeout(900),
]
COMMIT = "1" * 40
MODELS = "models:\n  wind:\n    stages: {Production: 1}\n"
RULE = (
    "version: 2\nmodels:\n  wind:\n    stages: {Production: 1}\n    promote: {Production: newest}\n"
)
TRAINED = """\
models:
  wind:
    versions:
      1: {train: slope, params: {slope: 1}}
    stages: {Staging: 1}
"""
SLOPE = """\
from pydantic import BaseModel


class Params(BaseModel):
    slope: float


def train(params):
    import mlflow
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    rows = pd.DataFrame({"speed": [0.0, 1.0, 2.0]})
    fitted = LinearRegression().fit(rows, params.slope * rows["speed"])
    mlflow.log_metric("test_r2", 1.0)
    mlflow.sklearn.log_model(fitted, name="model", input_example=rows)
"""
OWN = """\
name: Own
on: push
permissions: {}
jobs:
  own:
    runs-on: ubuntu-24.04
    permissions: {contents: read}
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - uses: OWNER/mlgitops@COMMIT
        with: {run: "RUN", extras: none}
"""


def caller(name: str) -> str:
    """The workflow of docs/workflows.md that calls one of ours."""
    page = (ROOT / "docs/workflows.md").read_text()
    found = re.findall(r"```yaml\n(name: .+?)```", page, re.DOTALL)
    (text,) = (text for text in found if f"/called-{name}.yml@" in text)
    assert len(text.splitlines()) <= 10
    return str(text)


STARTED = """\
name: Started
on: workflow_dispatch
jobs:
  started:
    uses: OWNER/mlgitops/.github/workflows/called-NAME.yml@COMMIT
    secrets: inherit
    with: WITH
"""


def starter(name: str, **given: str) -> str:
    """A workflow that calls one of ours with inputs of its own."""
    return STARTED.replace("NAME", name).replace("WITH", json.dumps(given))


def named() -> str:
    """A workflow that names what ours use of others: what runs act here looks for it there."""
    files = (ROOT / ".github").rglob("*.yml")
    used = sorted(
        {one for file in files for one in re.findall(r"uses: (actions/\S+)", file.read_text())}
    )
    steps = "".join(f"      - uses: {one}\n" for one in used)
    head = "on: workflow_dispatch\njobs:\n  none:\n    runs-on: ubuntu-24.04\n    steps:\n"
    return f"name: Named\n{head}{steps}"


def commit(team: Repository) -> None:
    """Commit the engine's files as they are."""
    team.git("-C", str(team.engine), "add", "--all")
    team.git("-C", str(team.engine), "commit", "--quiet", "--message", "Engine")


@pytest.fixture
def prepared(team: Repository, tmp_path: Path) -> Repository:
    """The same, with jobs that share what they install."""
    prepare(team.engine, tmp_path)
    commit(team)
    return team


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Repository]:
    """A team's repository: models.yaml, a lock with the wheel of this checkout, short workflows."""
    engine, source = tmp_path / "engine", tmp_path / "source"
    shutil.copytree(ROOT / ".github", engine / ".github")
    shutil.copy(ROOT / "action.yml", engine)
    (source / ".github/workflows").mkdir(parents=True)
    (source / "requirements").mkdir()
    own = {
        "plan": caller("plan"),
        "named": named(),
        "own": OWN.replace("RUN", "validate --format json"),
        "drift": starter("drift"),
        "propose": starter("propose"),
        "promote": starter("promote", model="wind", stage="Production", version="2"),
        "train": starter("train", model="wind", params=json.dumps({"slope": 2})),
        "rollback": starter("rollback", model="wind", version="2", reason="it drifts"),
    }
    for name, text in {**own, "bad": OWN.replace("RUN", "validate; touch $(pwd)/pwned")}.items():
        # quoted: what runs act here must not look for these two among its own stand-ins
        called = text.replace("uses: OWNER", '"uses": OWNER').replace("COMMIT", COMMIT)
        (source / f".github/workflows/{name}.yml").write_text(called)
    made = wheels.wheel(tmp_path)
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    lock = f"mlgitops[all] @ {made.as_uri()} \\\n    --hash=sha256:{digest}\n"
    lock += (ROOT / "requirements/runtime.txt").read_text()
    (source / "requirements/mlgitops.txt").write_text(lock)
    (source / "models.yaml").write_text(MODELS)
    (source / "README.md").write_text("Our models\n")
    subprocess.run(["git", "init", "--quiet", str(engine)], check=True)
    clone = tmp_path / "clone"
    clone.mkdir()
    with fake.running() as hub:
        made_of = {f"OWNER/mlgitops@{COMMIT}": engine}
        repository = Repository(
            folder=clone,
            hub=hub,
            registry="",
            source=source,
            models=None,
            engine=engine,
            actions=made_of,
        )
        repository.create()
        commit(repository)
        yield repository
        assert hub.unknown == []


def test_a_called_workflow_decides_and_reports(team: Repository) -> None:
    """Nothing about models is green without a word; an invalid file is red, and says why."""
    team.git("switch", "--quiet", "--create", "readme")
    (team.work / "README.md").write_text("Our models, and more\n")
    team.git("commit", "--quiet", "--all", "--message", "Say more")
    ran = team.pull_request(1)
    assert ran.code == 0, ran.log[-4000:]
    assert team.hub.comments == []
    team.edit("Production: 1", "Production: one", branch="broken")
    ran = team.pull_request(2)
    assert ran.code != 0
    (comment,) = team.hub.comments
    assert "models.yaml:3" in comment["body"], ran.log[-4000:]


def test_the_action_runs_one_verb(team: Repository) -> None:
    """Its words reach mlgitops and no shell."""

    def run(name: str) -> Ran:
        payload = {"ref": "refs/heads/main", "after": team.head}
        return team.run("push", name, payload, token=TOKEN)

    ran = run("own")
    assert ran.code == 0, ran.log[-4000:]
    assert '"problems": []' in ran.log
    ran = run("bad")
    assert ran.code != 0
    assert "validate;" in ran.log
    assert not list(team.folder.rglob("pwned"))


def test_what_people_start_can_be_called(
    prepared: Repository, server: tuple[str, Embedded], remote: Team
) -> None:
    """Drift opens its issue; Propose, Promote and Roll back open their pull requests."""
    team = prepared
    remote.versions(2)
    remote.write(MODELS)
    remote.ok("apply")
    remote.client.set_registered_model_alias("wind", "production", "2")
    team.registry = server[0]
    team.environment = {**team.environment, "MLGITOPS_OWNER": "git.example.org/wind/models"}

    ran = team.dispatch("drift")
    assert ran.code != 0
    (issue,) = team.hub.issues
    assert "| wind | Production | 1 | 2 |" in issue["body"], ran.log[-4000:]

    remote.client.set_registered_model_alias("wind", "production", "1")
    for name in ("rollback", "propose", "promote"):
        if name == "propose":  # the stand-in for GitHub knows of pushes through its API alone
            team.hub.git.push("main", models__yaml=RULE)
        ran = team.dispatch(name)
        assert ran.code == 0, ran.log[-4000:]
    assert [pull["title"] for pull in team.hub.pulls] == [
        "Roll back wind Production",
        "Put wind 2 into Production",
    ]


@pytest.mark.thorough
def test_train_can_be_called(
    prepared: Repository, server: tuple[str, Embedded], remote: Team
) -> None:
    """It trains the recipe on the team's registry and proposes the version; nothing is moved."""
    team = prepared
    remote.versions(1)
    remote.write("models:\n  wind:\n    stages: {Staging: 1}\n")
    remote.ok("apply")
    (team.work / "training").mkdir()
    for name, text in (("__init__", ""), ("slope", SLOPE)):
        (team.work / f"training/{name}.py").write_text(text)
    (team.work / "models.yaml").write_text(TRAINED)
    team.git("add", "--all")
    team.git("commit", "--quiet", "--message", "Add a recipe")
    team.git("push", "--quiet", "origin", "main")
    team.registry = server[0]
    team.environment = {
        **team.environment,
        "MLGITOPS_OWNER": "git.example.org/wind/models",
        "MLGITOPS_ARTIFACT_ROOT": str(server[1].folder),
    }

    ran = team.dispatch("train")

    assert ran.code == 0, ran.log[-4000:]
    (pull,) = team.hub.pulls
    assert (pull["title"], pull["head"]) == (
        "Add a version of wind to Staging",
        "mlgitops/train-wind",
    )
    assert "| 1 → 2 |" in pull["body"], ran.log[-4000:]
    assert "+      2: {train: slope, params: {slope: 2}}" in team.pushed(pull["head"])
    version = remote.client.get_model_version("wind", "2")
    assert version.run_id
    assert remote.client.get_run(version.run_id).data.metrics["test_r2"] == 1.0
    assert remote.aliases() == {"staging": 1}
