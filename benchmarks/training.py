"""Many recipes on a Dask cluster of two workers, beside one process; what a task costs there.

Each recipe fits trees on rows that it makes; its models, runs and metrics are real, and the
registry is MLflow's own server. Fitting is what workers share; to record a run, to log its model
and to register it, MLflow's client and the server compute as well, and on two cores these take what
a second worker would. So the share of fitting is told beside the ratio: where it is small, so is
what workers can gain.

`MLGITOPS_BENCH_RECIPES` sets another number of recipes than 64, `MLGITOPS_BENCH_ROWS` another
number of rows than 500,000, of which a recipe fits and scores for some five seconds.
"""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from harness.clusters import cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

_RECIPES = int(os.environ.get("MLGITOPS_BENCH_RECIPES", "64"))
_ROWS = int(os.environ.get("MLGITOPS_BENCH_ROWS", "500000"))
_FITTING = "fit_cpu"
_TASKS = 2000
_WORKERS = 2
_LARGE = 100  # workers of the cluster that is planned for
_RECIPE = """
from pydantic import BaseModel

class Params(BaseModel):
    seed: int
    rows: int

def train(params):
    import time

    import mlflow
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    rows = np.random.default_rng(params.seed).normal(size=(params.rows, 10))
    begun = time.process_time()
    # one that takes all cores gains nothing from a second worker on the same machine
    with threadpool_limits(limits=1):
        model = HistGradientBoostingRegressor(max_iter=300).fit(rows, rows[:, 0] ** 2)
        score = model.score(rows, rows[:, 0] ** 2)
    mlflow.log_metric("fit_cpu", time.process_time() - begun)
    mlflow.log_metric("test_r2", score)
    mlflow.sklearn.log_model(
        model, name="model", serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )
"""


def measure() -> Iterator[str]:
    """Wall time of training, and the time of a scheduler and of a registration for each version."""
    from mlgitops.registry.embedded import Embedded, server

    with tempfile.TemporaryDirectory(prefix="mlgitops-bench-") as name:
        folder = Path(name)
        (folder / "cluster").mkdir()
        one = _prepared(folder / "one")
        two = _prepared(folder / "two")
        with server(Embedded(folder=one / "registry")) as url:
            alone = _train(one, url, "--jobs", "1")
            fitting = _fitting(url)
        with (
            server(Embedded(folder=two / "registry")) as url,
            cluster(folder / "cluster", _WORKERS) as made,
        ):
            before = _cpu(made.scheduler.process.pid)
            several = _train(two, url, "--dask", made.address)
            training = _cpu(made.scheduler.process.pid) - before
            yield (
                f"{_RECIPES} recipes: {several:.0f} s on Dask with {_WORKERS} workers, "
                f"{alone:.0f} s in one process; ratio {several / alone:.2f} ×"
            )
            yield (
                f"fitting and scoring: {fitting / _RECIPES:.2f} s of CPU a recipe, "
                f"{fitting / alone:.0%} of the time in one process"
            )
            yield (
                f"the scheduler meanwhile: {training:.1f} s of CPU, {training / several:.1%} of a "
                "core"
            )
            passed = _pass_on(made.address, made.scheduler.process.pid)
        registering = _registering(folder / "three")
        yield (
            f"{_TASKS} tasks that do nothing: {1000 * passed:.2f} ms of the scheduler's CPU each; "
            f"{_LARGE} workers stay busy if a recipe takes more than {_LARGE * passed:.2f} s"
        )
        yield (
            f"registering at home: {1000 * registering:.0f} ms a version, so {_LARGE} workers stay "
            f"busy if a recipe takes more than {_LARGE * registering:.1f} s"
        )


def _prepared(folder: Path) -> Path:
    (folder / "fitting").mkdir(parents=True)
    (folder / "fitting" / "trees.py").write_text(_RECIPE)
    lines = ["recipes: fitting", "models:"]
    for seed in range(_RECIPES):
        recipe = f"{{train: trees, params: {{seed: {seed}, rows: {_ROWS}}}}}"
        lines.append(f"  trees-{seed:03}: {{versions: {{1: {recipe}}}, stages: {{}}}}")
    (folder / "models.yaml").write_text("\n".join(lines) + "\n")
    return folder


def _train(folder: Path, url: str, *options: str) -> float:
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-P", "-m", "mlgitops", "train", *options],
        cwd=folder,
        env=os.environ | {"MLFLOW_TRACKING_URI": url},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - begun


def _fitting(url: str) -> float:
    """Seconds of CPU that all runs of a server have fitted for."""
    from mlflow import MlflowClient

    client = MlflowClient(url)
    experiments = [one.experiment_id for one in client.search_experiments()]
    runs = client.search_runs(experiments)
    return sum(run.data.metrics.get(_FITTING, 0.0) for run in runs)


def _cpu(process: int) -> float:
    """Seconds of CPU that a process has taken; Linux."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _pass_on(address: str, scheduler: int) -> float:
    """Seconds of the scheduler's CPU for a task that does nothing."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.submit(int, pure=False).result()
        before = _cpu(scheduler)
        client.gather([client.submit(int, pure=False) for _ in range(_TASKS)])
        return (_cpu(scheduler) - before) / _TASKS


def _registering(folder: Path) -> float:
    """Seconds for registering a version of a run that is there."""
    import mlflow

    from mlgitops.recipes import tracking
    from mlgitops.registry.embedded import Embedded, server

    times, quiet = 20, io.StringIO()
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    with server(Embedded(folder=folder)) as url, redirect_stderr(quiet), redirect_stdout(quiet):
        mlflow.set_tracking_uri(url)
        with mlflow.start_run() as run:
            mlflow.log_text("flavors: {}", "model/MLmodel")
        trained = tracking.TrainedRun(
            run_id=run.info.run_id,
            model_uri=f"runs:/{run.info.run_id}/model",
            metrics={},
            tags={},
        )
        begun = time.perf_counter()
        for number in range(times):
            tracking.register(trained, f"model-{number}")
        return (time.perf_counter() - begun) / times
