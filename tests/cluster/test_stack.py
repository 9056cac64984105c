"""The stack on Kubernetes: it starts, restarts without a failed request, and loses nothing."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any

import mlflow
import pytest

from harness.trial import SERVERS, Trial
from harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.cluster import Cluster

# one stack serves all of them, and they run in this order
pytestmark = [pytest.mark.xdist_group("stack-on-kubernetes"), pytest.mark.timeout(900)]

MODEL = "power-forecasting-model"
MODELS = f"""\
owner: acme/models
models:
  {MODEL}:
    versions:
      1: {{train: power_forecasting, params: {{estimator: linear}}}}
    stages:
      Production: 1
"""
START = 420.0  # seconds; a busy node starts six pods and migrates an empty database


@pytest.fixture(scope="module")
def trial(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A stack that has just been applied to an empty namespace."""
    with cluster.namespace() as namespace:
        made = Trial(cluster=cluster, namespace=namespace, folder=tmp_path_factory.mktemp("trial"))
        try:
            made.prepare()
            made.apply()
            yield made
        finally:
            made.close()


@pytest.fixture
def client(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> mlflow.MlflowClient:
    """MLflow's own client; tests/conftest.py makes it repeat nothing."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", trial.uri)
    return mlflow.MlflowClient()


@dataclass
class Load:
    """What clients do again and again, each in a thread: how often it was done, and what failed."""

    done: int = 0
    failures: list[str] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)

    def repeat(self, job: Callable[[], None]) -> None:
        """Do it until the end."""
        while not self._end.is_set():
            try:
                job()
            except Exception as error:  # noqa: BLE001 - whatever a client meets is a failure
                self.failures.append(f"{job.__name__}: {error}"[:1000])
                time.sleep(0.2)
            else:
                self.done += 1

    def stop(self) -> None:
        """Begin nothing more."""
        self._end.set()

    def more(self, number: int) -> None:
        """Wait until that much more was done."""
        enough = self.done + number
        eventually(lambda: self.done >= enough, within=120, every=0.1)


@contextmanager
def under_load(*jobs: Callable[[], None]) -> Iterator[Load]:
    """Clients work while the block runs, and for a while before and after."""
    load = Load()
    threads = [threading.Thread(target=load.repeat, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        load.more(20)
        yield load
        load.more(20)
    finally:
        load.stop()
        for thread in threads:
            thread.join()


def test_a_fresh_start_serves_mlgitops(trial: Trial, tmp_path: Any) -> None:
    """Everything is applied at once; a model is trained, registered, applied, and planned again."""
    for kind, name in (("deployment", "mlflow"), ("deployment", "artifacts")):
        trial.kubectl("rollout", "status", f"{kind}/{name}", f"--timeout={START:.0f}s")
    assert trial.read("job", "migrate")["status"]["succeeded"] == 1
    budgets = trial.read("poddisruptionbudget")["items"]
    assert {b["metadata"]["name"]: b["status"]["disruptionsAllowed"] for b in budgets} == {
        "mlflow": 1,
        "artifacts": 1,
    }
    file = tmp_path / "models.yaml"
    file.write_text(MODELS)
    for verb in (["train"], ["apply"], ["plan", "--exit-code"]):
        ran = trial.mlgitops(*verb, "--file", str(file))
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_applying_again_changes_nothing(trial: Trial) -> None:
    """The manifests say what they mean: Kubernetes adds nothing that the next apply would undo."""
    compared = trial.cluster.kubectl("diff", f"--kustomize={trial.folder}")
    assert (compared.returncode, compared.stdout) == (0, "")


def unless_closed(job: Callable[[], None]) -> Callable[[], None]:
    """A client that asks once more where a kept connection was closed as it asked, and only there.

    No server can prevent that: RFC 9112, 9.3.1 lets clients repeat, and MLflow's do by default.
    """

    @wraps(job)
    def done() -> None:
        try:
            job()
        except Exception as error:
            if "Connection aborted" not in str(error):
                raise
            job()

    return done


def test_a_rolling_restart_fails_no_request(trial: Trial, client: mlflow.MlflowClient) -> None:
    """Clients that repeat no answer read, upload and download while both servers are replaced."""
    version = client.get_model_version_by_alias(MODEL, "production")
    run = client.create_run("0").info.run_id
    uploaded: dict[str, str] = {}

    def read() -> None:
        assert client.get_model_version_by_alias(MODEL, "production").version == version.version

    def upload() -> None:
        name = f"{len(uploaded)}.txt"
        client.log_text(run, name, name)
        uploaded[name] = name

    def download() -> None:
        assert "flavors" in mlflow.artifacts.load_text(f"models:/{MODEL}/1/MLmodel")

    before = trial.pods(*SERVERS)
    with under_load(*map(unless_closed, (read, read, upload, download))) as load:
        trial.kubectl("rollout", "restart", *(f"deployment/{name}" for name in SERVERS))
        for name in SERVERS:
            trial.kubectl("rollout", "status", f"deployment/{name}", f"--timeout={START:.0f}s")
    assert load.failures == []
    assert load.done > 100
    assert not set(before) & {uid for uid, ready in trial.pods(*SERVERS).items() if ready}
    assert {file.path for file in client.list_artifacts(run)} == set(uploaded)


def test_killed_pods_lose_nothing_acknowledged(trial: Trial, client: mlflow.MlflowClient) -> None:
    """Each pod is killed without grace; every run, file and version that was answered is there."""
    client.create_registered_model("recorded")
    recorded: dict[str, str] = {}

    def record() -> None:
        run = client.create_run("0").info
        client.log_text(run.run_id, run.run_id, "model/MLmodel")
        source = f"{run.artifact_uri}/model"
        version = client.create_model_version("recorded", source, run.run_id, await_creation_for=0)
        recorded[version.version] = run.run_id

    # those of the test before may still be ending
    eventually(lambda: all(len(trial.pods(name)) == 2 for name in SERVERS), within=120)
    pods = [list(trial.pods(name)) for name in SERVERS]
    rounds = [*zip(*pods, strict=True), trial.pods("db"), trial.pods("s3")]
    with under_load(record, record) as load:
        for killed in rounds:
            trial.kill(killed, within=START)
            load.more(5)
    assert len(recorded) > 40
    found = {v.version: v for v in client.search_model_versions("name = 'recorded'")}
    assert {number: found[number].run_id for number in recorded} == recorded
    for run in recorded.values():
        assert mlflow.artifacts.load_text(f"runs:/{run}/model/MLmodel") == run
    versions = [int(number) for number in found]
    assert sorted(versions) == list(range(1, len(versions) + 1))
