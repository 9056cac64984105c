"""`mlgitops train --dask` on a cluster of five processes: order, lost workers, secrets, an end."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from distributed import Client

from harness.clusters import LocalCluster, cluster
from harness.waiting import eventually
from mlgitops.errors import ClusterError, MissingExtraError, UnfitWorkersError
from mlgitops.recipes import crews
from mlgitops.recipes.package import RecipePackage
from mlgitops.system.ports import free_port
from mlgitops.workers import cluster as workers
from mlgitops.workers.values import Parcel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("dask")

SECRET = "open-sesame-4711"
# waits where it is told to, so that a test can come between
RECIPE = """
import os, time
from pathlib import Path

from pydantic import BaseModel

class Params(BaseModel):
    folder: str
    of: str
    step: int
    waits: bool = False

def train(params):
    import mlflow

    folder = Path(params.folder)
    print("step", end=" "); print(params.step, os.environ["MLFLOW_TRACKING_PASSWORD"])
    with (folder / "begun").open("a") as log:
        log.write(f"{params.of} {params.step} {os.getppid()} {os.getpid()}\\n")
    while params.waits and not (folder / "go").exists():
        time.sleep(0.1)
    mlflow.log_metric("test_step", params.step)
    with (folder / "begun").open("a") as log:
        log.write(f"{params.of} {params.step} done\\n")
    mlflow.pyfunc.log_model(name="model", python_model=Same(), pip_requirements=[])

def __getattr__(name):
    if name != "Same":
        raise AttributeError(name)
    import mlflow

    class Same(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input
    return Same
"""


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A scheduler and four workers, which know nothing of any registry."""
    with cluster(tmp_path_factory.mktemp("dask"), 4) as made:
        yield made


@dataclass(kw_only=True)
class Place:
    """A folder with models.yaml, recipes and a registry."""

    folder: Path
    models: dict[str, int]
    waits: tuple[str, int]
    verb: list[subprocess.Popen[str]] = field(default_factory=list)

    def prepare(self, database: Path) -> None:
        """Write it all."""
        (self.folder / "slowly").mkdir(parents=True)
        recipe = RECIPE.replace("Same()", "__getattr__('Same')()")
        (self.folder / "slowly" / "slow.py").write_text(recipe)
        shutil.copy(database, self.folder / "mlflow.db")
        lines = ["recipes: slowly", "models:"]
        for model, count in self.models.items():
            lines += [f"  {model}:", "    stages: {}", "    versions:"]
            for step in range(1, count + 1):
                params = {"folder": str(self.folder), "of": model, "step": step}
                waits = {"waits": True} if (model, step) == self.waits else {}
                stated = json.dumps({"train": "slow", "params": {**params, **waits}})
                lines.append(f"      {step}: {stated}")
        (self.folder / "models.yaml").write_text("\n".join(lines) + "\n")

    def begin(self, *options: str) -> subprocess.Popen[str]:
        """Begin `mlgitops train`, with a login."""
        verb = subprocess.Popen(
            [sys.executable, "-P", "-m", "mlgitops", "train", "--state", ".", *options],
            cwd=self.folder,
            env={
                **os.environ,
                "MLFLOW_TRACKING_URI": "",
                "MLFLOW_TRACKING_USERNAME": "trainer",
                "MLFLOW_TRACKING_PASSWORD": SECRET,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.verb.append(verb)
        return verb

    def begun(self) -> list[list[str]]:
        """What recipes wrote when they began and when they were done."""
        log = self.folder / "begun"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []

    def waiting(self) -> list[str] | None:
        """What the recipe wrote that waits, once it does."""
        model, step = self.waits
        return next((one for one in self.begun() if one[:2] == [model, str(step)]), None)

    def client(self) -> Any:
        """MLflow's client."""
        from mlflow import MlflowClient

        uri = f"sqlite:///{self.folder / 'mlflow.db'}"
        return MlflowClient(tracking_uri=uri, registry_uri=uri)

    def versions(self) -> list[tuple[str, int, float]]:
        """Model, number and metric of every version."""
        client = self.client()
        return sorted(
            (one.name, int(one.version), client.get_run(one.run_id).data.metrics["test_step"])
            for one in client.search_model_versions()
        )

    def statuses(self) -> list[str]:
        """How every run ended."""
        client = self.client()
        experiments = [one.experiment_id for one in client.search_experiments()]
        return sorted(run.info.status for run in client.search_runs(experiments))

    def end(self) -> None:
        """Leave no process."""
        for one in self.verb:
            one.kill()
            one.wait()


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one training with a killed worker left."""

    place: Place
    code: int
    out: str
    err: str
    scheduler: bytes
    pages: str


def held(dask_scheduler: Any) -> bytes:
    """All that a scheduler holds of tasks, as bytes, its events among them."""
    tasks = [(key, repr(one.run_spec)) for key, one in dask_scheduler.tasks.items()]
    specs = [pickle.dumps(one.run_spec) for one in dask_scheduler.tasks.values()]
    return pickle.dumps((tasks, specs, repr(dask_scheduler.get_events())))


def pages_of(address: str) -> str:
    """What the scheduler's own pages show of tasks and workers."""
    paths = ("info/main/workers.html", "json/identity.json", "info/main/logs.html")
    return "".join(requests.get(f"{address}/{path}", timeout=30).text for path in paths)


@pytest.fixture(scope="module")
def seen(dask: LocalCluster, migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Train with four workers, and kill one while it trains the second version of a model."""
    place = Place(folder=tmp_path_factory.mktemp("place"), models={"a": 1, "b": 2}, waits=("b", 2))
    place.prepare(migrated)
    try:
        verb = place.begin("--dask", str(dask.file))
        eventually(lambda: place.waiting() is not None or verb.poll() is not None, within=180)
        with Client(dask.address, set_as_default=False) as client:
            scheduler: bytes = client.run_on_scheduler(held)
            port = client.scheduler_info()["services"]["dashboard"]
        pages = pages_of(f"http://127.0.0.1:{port}")
        waiting = place.waiting()
        assert waiting is not None, verb.communicate()
        os.kill(int(waiting[2]), signal.SIGKILL)
        (place.folder / "go").touch()
        out, err = verb.communicate(timeout=180)
    finally:
        place.end()
    return Seen(
        place=place, code=verb.returncode, out=out, err=err, scheduler=scheduler, pages=pages
    )


def test_a_killed_worker_changes_no_number(seen: Seen) -> None:
    """Every version is there once, with the number and the metric of a run without a kill."""
    assert seen.code == 0, seen.err
    expected = [
        (m, n, float(n)) for m, count in seen.place.models.items() for n in range(1, count + 1)
    ]
    assert seen.place.versions() == expected
    assert "b 2: its worker was lost; it is tried again" in seen.err


def test_versions_of_a_model_are_trained_in_order(seen: Seen) -> None:
    """One ends before the next begins."""
    for model, count in seen.place.models.items():
        steps = [int(one[1]) for one in seen.place.begun() if one[0] == model]
        assert steps == sorted(steps)
        assert set(steps) == set(range(1, count + 1))


def test_no_run_stays_open(seen: Seen) -> None:
    """The run of the lost worker is killed; all others have ended well."""
    assert seen.place.statuses() == ["FINISHED"] * 3 + ["KILLED"]


def test_lines_come_home_under_their_names(seen: Seen) -> None:
    """Whole, and without the secret that the recipe prints."""
    for model, count in seen.place.models.items():
        for step in range(1, count + 1):
            assert f"{model} {step}: step {step} ***" in seen.err.splitlines()


def test_no_secret_is_with_the_scheduler(seen: Seen, dask: LocalCluster) -> None:
    """Neither in tasks, events, pages nor logs; recipes had it all the same."""
    assert b"b 2" in seen.scheduler
    assert SECRET.encode() not in seen.scheduler
    assert dask.address in seen.pages
    logs = [one.log.read_text() for one in (dask.scheduler, *dask.workers)]
    for text in (seen.pages, seen.out, seen.err, *logs):
        assert SECRET not in text


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("options", "number", "code"),
    [
        pytest.param((), signal.SIGINT, 130, id="on a cluster"),
        pytest.param(("--jobs", "2"), signal.SIGTERM, 143, id="here"),
    ],
)
def test_an_interrupt_leaves_no_process_and_no_version(
    dask: LocalCluster,
    migrated: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    number: signal.Signals,
    code: int,
) -> None:
    """The run that was under way is killed."""
    models = {"a": 1, "b": 1} if "--jobs" in options else {"a": 1}
    place = Place(folder=tmp_path / "place", models=models, waits=("a", 1))
    place.prepare(migrated)
    try:
        verb = place.begin(*(options or ("--dask", dask.address)))
        eventually(lambda: place.waiting() is not None or verb.poll() is not None, within=180)
        waiting = place.waiting()
        assert waiting is not None, verb.communicate()
        verb.send_signal(number)
        _, err = verb.communicate(timeout=120)
    finally:
        place.end()
    assert verb.returncode == code, err
    assert [one for one in place.versions() if one[0] == "a"] == []
    assert "RUNNING" not in place.statuses()
    assert "KILLED" in place.statuses()
    with pytest.raises(ProcessLookupError):
        os.kill(int(waiting[3]), 0)


KILLED = """
from mlgitops.workers.cluster import Cluster
from mlgitops.workers.values import Parcel
from tests.workers import calls

workers = Cluster({address!r}, Parcel(variables={{}}), print)
workers.submit("it", calls.wait, {begun!r})
workers.next()
"""


def test_workers_end_what_a_killed_command_wanted(dask: LocalCluster, tmp_path: Path) -> None:
    """Nobody is there to tell them; they see that nobody waits."""
    begun = tmp_path / "begun"
    program = KILLED.format(address=dask.address, begun=str(begun))
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path) as command:
        eventually(lambda: begun.exists() and bool(begun.read_text()), within=120)
        command.kill()
    process = Path(f"/proc/{begun.read_text()}")
    eventually(lambda: not process.exists(), within=60)


def test_a_worker_without_a_package_is_named(tmp_path: Path) -> None:
    """Before anything is trained, in one message."""
    info = tmp_path / "scikit_learn-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scikit-learn\nVersion: 0.1\n")
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    (tmp_path / "cluster").mkdir()
    with (
        cluster(tmp_path / "cluster", 1, {"PYTHONPATH": path}) as other,
        pytest.raises(UnfitWorkersError, match=r"tcp://.*: scikit-learn is 0\.1, here "),
    ):
        workers.Cluster(other.address, Parcel(variables={}), print)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://127.0.0.1:{port}", "no Dask scheduler answers at tcp://127.0.0.1:"),
        ("nonsense://here", "no Dask scheduler answers at nonsense://here"),
        ("missing.json", "there is no scheduler file missing.json"),
        ("broken.json", "broken.json cannot be read as a scheduler file: Expecting property name"),
        ("other.json", "other.json is no scheduler file: it has no 'address'"),
    ],
)
def test_a_wrong_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str, said: str
) -> None:
    """One error that says which."""
    monkeypatch.chdir(tmp_path)
    Path("broken.json").write_text("{bad")
    Path("other.json").write_text("[]")
    monkeypatch.setattr(workers, "_CONNECT", 1)
    with pytest.raises(ClusterError, match=said):
        workers.Cluster(address.format(port=free_port()), Parcel(variables={}), print)


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "mlgitops.workers.cluster")
    with pytest.raises(MissingExtraError, match=r"pip install 'mlgitops\[dask,train\]'"):
        crews.cluster("tcp://here:1", RecipePackage(), lambda *_: None)
