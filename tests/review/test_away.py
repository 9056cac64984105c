"""`mlgitops plan --dask`: versions predict on the workers of a cluster, which learn no secret."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from distributed import Client

from harness.children import children
from harness.clusters import LocalCluster, cluster
from harness.training import predicted
from harness.waiting import eventually
from mlgitops.cli.options import scoring_on
from mlgitops.core.evidence import Side
from mlgitops.core.version import READY, Version
from mlgitops.recipes.package import RecipePackage
from mlgitops.review.artifacts import describe
from mlgitops.review.compare import Scope, begin
from mlgitops.review.tools import tools
from mlgitops.system.ports import free_port
from tests.hostile import models
from tests.workers import calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.team import Team

pytestmark = pytest.mark.xdist_group("dask")

SECRET = "open-sesame-4712"
MODELS = """
models:
  power-forecasting-model:
    stages: {Staging: 3, Production: 2}
  tumour-diagnosis-model:
    stages: {Production: 1}
"""


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A scheduler and two workers, which know of no registry."""
    with cluster(tmp_path_factory.mktemp("dask"), 2) as made:
        yield made


@pytest.mark.thorough
@pytest.mark.timeout(900)
def test_versions_answer_on_workers_as_they_do_here(farm: Team, dask: LocalCluster) -> None:
    """Also an old and a new one on the same worker; each answer comes to the change it is for."""
    farm.write(MODELS.replace("Staging: 3, Production: 2", "Staging: 2, Production: 1"))
    farm.ok("apply")
    farm.write(MODELS)
    here = farm.ok("plan", "--format", "json").document
    there = farm.ok("plan", "--format", "json", "--dask", dask.address).document
    assert len(here["changes"]) == 2
    assert predicted(there) == predicted(here)
    assert all(one["comparison"]["predictions"]["new_cost"] for one in there["changes"])


def test_workers_get_no_variable(dask: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that log in: who only scores reads nothing in the registry."""
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://registry.test")
    hire = scoring_on(dask.address)
    assert hire
    workers = hire()
    try:
        workers.submit("variables", calls.variables)
        ended = workers.next()
    finally:
        workers.close()
    assert ended.answer.problem is None
    assert not {name for name in ended.answer.value if name.startswith("MLFLOW_TRACKING_")}
    assert SECRET not in repr(ended)


def test_a_pair_answers_and_a_version_that_cannot_is_named(
    tmp_path: Path, dask: LocalCluster
) -> None:
    """With the cause that it has on the worker; what is beside it and after it answers."""
    bodies = {"old": "return [1.0, 2.0]", "new": "return [1.0, 3.0]", "bad": "raise ValueError(7)"}
    sides = {name: made(tmp_path / name, body) for name, body in bodies.items()}
    hire = scoring_on(dask.address)
    with tools(RecipePackage(), None, None, hire) as shared:
        scope = Scope(predict=True, link=lambda _old, _new: None, tools=shared)
        pairs = [("old", "bad"), ("old", "new"), ("new", "old")]
        begun = [begin("wind", sides[old], sides[new], scope) for old, new in pairs]
        wrong, there, back = (wait() for wait in begun)
    assert wrong.trouble.startswith("cannot run bad on a worker of the cluster: ")
    assert "ValueError: 7" in wrong.trouble
    for found, new, old in ((there, [1.0, 3.0], [1.0, 2.0]), (back, [1.0, 2.0], [1.0, 3.0])):
        assert found.predictions, found.trouble
        assert found.predictions.series.new.tolist() == new
        assert found.predictions.series.old is not None
        assert found.predictions.series.old.tolist() == old


def test_an_error_ends_what_is_being_scored(tmp_path: Path, dask: LocalCluster) -> None:
    """Nothing waits for it, and nothing of it is left at the scheduler."""
    slow = made(tmp_path / "slow", "__import__('time').sleep(600)")
    hire = scoring_on(dask.address)

    def interrupted() -> None:
        with tools(RecipePackage(), None, None, hire) as shared:
            begin("wind", None, slow, Scope(predict=True, link=lambda *_: None, tools=shared))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with Client(dask.address, set_as_default=False) as client:
        assert client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)) == 0


def test_a_version_whose_worker_is_killed_is_asked_again(
    tmp_path: Path, dask: LocalCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """On another worker, which answers in its place; the comparison is what it would have been."""
    slow = made(tmp_path / "slow", "time.sleep(5)\nreturn [4.0, 5.0]")
    hire = scoring_on(dask.address)
    with (
        Client(dask.address, set_as_default=False) as client,
        tools(RecipePackage(), None, None, hire) as shared,
    ):
        wait = begin("wind", None, slow, Scope(predict=True, link=lambda *_: None, tools=shared))
        eventually(lambda: any(client.processing().values()), within=60)
        (lost,) = (address for address, keys in client.processing().items() if keys)
        worker = client.run(os.getpid, workers=[lost])[lost]
        eventually(lambda: bool(children(worker)), within=60)  # one of them scores
        os.kill(worker, signal.SIGKILL)
        found = wait()
    assert found.predictions, found.trouble
    assert found.predictions.series.new.tolist() == [4.0, 5.0]
    assert "its worker was lost; it is tried again" in capsys.readouterr().err


def made(folder: Path, body: str) -> Side:
    """A version whose `predict` is `body`, with an input example of two rows."""
    models.write(folder, body)
    version = Version(number=1, status=READY)
    return Side(label=folder.name, version=version, artifact=describe(folder))


def registered(team: Team) -> None:
    """A version that predicts, and a models.yaml that puts it into a stage."""
    payload = team.payload(team.version())
    (payload / "MLmodel").unlink()
    payload.rmdir()
    models.write(payload, "return [1.0, 2.0]")
    team.stages(Staging=1)


def test_no_scheduler_is_one_error(team: Team) -> None:
    """Before anything is said of the changes."""
    registered(team)
    ran = team.run("plan", "--dask", f"tcp://127.0.0.1:{free_port()}")
    assert ran.code == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:" in ran.err


def test_a_plan_that_scores_nothing_asks_no_scheduler(team: Team) -> None:
    """Neither with --quick nor where nothing is to change."""
    registered(team)
    nowhere = f"tcp://127.0.0.1:{free_port()}"
    team.ok("plan", "--quick", "--dask", nowhere)
    team.ok("apply")
    team.ok("plan", "--dask", nowhere)
