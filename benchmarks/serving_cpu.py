"""Processor time of a request: this server, MLflow's, and servers written by hand.

One process of each serves the same model here, without Docker. Servers written by hand take one row
of numbers, and take part where that is asked. Servers take turns, and medians are compared, so that
what disturbs the machine falls on all. What is counted is the processor time of a server with all
its processes, not the client's. BentoML is installed by uv, into uv's cache.
"""

from __future__ import annotations

import json
import os
import pickle
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.serving_load import BODY, READING
from mlgitops.errors import ServeError
from mlgitops.serve.load_test import count_down, send_load
from mlgitops.system import waiting
from mlgitops.system.ports import free_port
from mlgitops.system.processes import started

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

_ROUNDS = 5
_PATIENCE = 120.0  # seconds
_OURS, _MLFLOW, _RAW = "mlgitops", "mlflow models serve", "raw ASGI with numpy"
_ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # as in the image


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A model and what it is asked.

    Attributes:
        example: rows like those that it takes.
        body: a request.
        requests: how many in a turn, on so many connections.
        by_hand: whether the servers written by hand take part.
    """

    name: str
    model: Any
    example: pd.DataFrame
    body: bytes = BODY
    requests: int = 600
    connections: int = 8
    by_hand: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A server that is running.

    Attributes:
        process: whose descendants belong to it.
        case: what it is asked.
        turns: microseconds of processor time and requests a second, of each turn.
    """

    url: str
    process: int
    case: Case
    turns: list[tuple[float, float]] = field(default_factory=list)

    def turn(self) -> None:
        """Load it for a while.

        Raises:
            ServeError: a request failed.
        """
        begun, spent = time.perf_counter(), _processor_seconds(self.process)
        it = self.case
        enough = count_down(it.requests)
        done = send_load(self.url, it.body, connections=it.connections, go_on=enough)
        if done.failed:
            raise ServeError(f"{done.failed} of {len(done)} requests failed: {done.statuses}")
        cost = (_processor_seconds(self.process) - spent) / len(done) * 1e6
        self.turns.append((cost, len(done) / (time.perf_counter() - begun)))

    @property
    def cost(self) -> float:
        """The median of the microseconds of a request."""
        return statistics.median(cost for cost, _ in self.turns)

    @property
    def rate(self) -> float:
        """The median of the requests a second."""
        return statistics.median(rate for _, rate in self.turns)


def measure() -> Iterator[str]:
    """A table of each model, the cheapest server last."""
    yield f"load of the machine before it began: {os.getloadavg()[0]:.1f}"
    for case in _cases():
        yield ""
        yield from _compared(case)


def _compared(case: Case) -> Iterator[str]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlgitops-")))
        _save(case, folder)
        servers = {
            name: stack.enter_context(_running(command, folder, case))
            for name, command in _commands(folder, by_hand=case.by_hand).items()
        }
        for turn in range(_ROUNDS + 1):
            for server in servers.values():
                server.turn()
                if not turn:  # the first one warms up
                    server.turns.clear()
        theirs, raw = servers[_MLFLOW], servers.get(_RAW)
        yield f"| {case.name} | CPU of a request | ÷ MLflow's | ÷ raw ASGI | requests a second |"
        yield "|---|---|---|---|---|"
        for who, server in sorted(servers.items(), key=lambda item: -item[1].cost):
            beside = f"{server.cost / raw.cost:.2f}" if raw else ""
            ratios = f"{server.cost / theirs.cost:.3f} | {beside}"
            yield f"| {who} | {server.cost:,.0f} µs | {ratios} | {server.rate:,.1f} |"


def _cases() -> Iterator[Case]:
    import pandas as pd
    from sklearn.datasets import make_regression
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression

    rows, target = make_regression(2000, len(READING), noise=1.0, random_state=0)
    linear = LinearRegression().fit(rows, target)
    trees = HistGradientBoostingRegressor(max_iter=200).fit(rows, target)
    reading = pd.DataFrame([READING])
    yield Case(name="linear", model=linear, example=reading, by_hand=True)
    yield Case(name="200 boosted trees", model=trees, example=reading, by_hand=True)
    many = json.dumps({"dataframe_records": [READING] * 100_000}).encode()
    batch = f"linear, {100_000:,} records"
    yield Case(name=batch, model=linear, example=reading, body=many, requests=4, connections=1)
    yield _mixed()


def _mixed() -> Case:
    """Text and missing values."""
    import numpy as np
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    chance = np.random.default_rng(0)
    numbers = chance.normal(size=(500, 6))
    numbers[chance.random(numbers.shape) < 0.1] = np.nan
    table = pd.DataFrame(numbers, columns=list("abcdef"))
    table["plan"], table["country"] = chance.choice(["x", "y", "z"], (2, 500))
    prepared = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), list("abcdef")),
        (OneHotEncoder(handle_unknown="ignore"), ["plan", "country"]),
    )
    model = make_pipeline(prepared, LogisticRegression()).fit(table, chance.random(500) < 0.5)
    row = json.loads(table.head(1).to_json(orient="records"))
    body = json.dumps({"dataframe_records": [{**row[0], "a": None}]}).encode()
    return Case(name="text and gaps, ColumnTransformer", model=model, example=table, body=body)


def _save(case: Case, folder: Path) -> None:
    import mlflow

    signature = mlflow.models.infer_signature(case.example, case.model.predict(case.example))
    (folder / "model.pickle").write_bytes(pickle.dumps(case.model))
    mlflow.sklearn.save_model(
        case.model,
        folder / "model",
        serialization_format="cloudpickle",
        signature=signature,
        pip_requirements=["mlflow"],
    )


def _commands(folder: Path, *, by_hand: bool) -> dict[str, Sequence[str]]:
    """The servers, each of which is told its port by the last argument or by SERVING_PORT."""
    module = (sys.executable, "-m")
    mlflow = (*module, "mlflow", "models", "serve", "--model-uri", str(folder / "model"))
    uvicorn = (*module, "uvicorn", "--loop", "uvloop", "--http", "httptools", "--no-access-log")
    ready_made: dict[str, Sequence[str]] = {
        _OURS: (*module, "mlgitops.serve.server"),
        _MLFLOW: (*mlflow, "--env-manager", "local", "--workers", "1", "--port"),
    }
    if not by_hand:
        return ready_made
    return {
        **ready_made,
        "BentoML": (*_bentoml(), "serve", "benchmarks.bento:Wind", "--port"),
        "FastAPI and pydantic": (*uvicorn, "benchmarks.contenders:fastapi", "--port"),
        _RAW: (*uvicorn, "benchmarks.contenders:raw", "--port"),
        "an echo": (*uvicorn, "benchmarks.contenders:echo", "--port"),
    }


def _bentoml() -> Sequence[str]:
    """BentoML in an environment that uv makes, with the scikit-learn that pickled the model."""
    from uv import find_uv_bin

    packages = ("bentoml", f"scikit-learn=={version('scikit-learn')}", "uvloop")
    with_all = chain.from_iterable(("--with", package) for package in packages)
    run = (find_uv_bin(), "run", "--quiet", "--no-project", "--python", sys.executable)
    return *run, *with_all, "bentoml"


@contextmanager
def _running(command: Sequence[str], folder: Path, case: Case) -> Iterator[Server]:
    port = str(free_port())
    settings = {
        **_ALONE,
        "BENTOML_DO_NOT_TRACK": "true",
        "BENTOML_HOME": str(folder / "bentoml"),
        "MODEL": str(folder / "model.pickle"),
        "SERVING_MODEL": str(folder / "model"),
        "SERVING_HOST": "127.0.0.1",
        "SERVING_PORT": port,
        "SERVING_WORKERS": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    whole = [*command, *([port] if command[-1] == "--port" else [])]
    with started(whole, folder / f"log-{port}", environment=settings) as running:
        url = f"http://127.0.0.1:{port}/invocations"
        waiting.until_ready(
            " ".join(command),
            running,
            lambda: _answers(url, case),
            timeout=_PATIENCE,
            error=ServeError,
        )
        yield Server(url=url, process=running.process.pid, case=case)


def _answers(url: str, case: Case) -> bool:
    return not send_load(url, case.body, connections=1, go_on=count_down(1)).failed


def _processor_seconds(root: int) -> float:
    """Of all threads of a process and its descendants, from proc(5): stat's ppid, schedstat."""
    parents: dict[int, int] = {}
    spent: dict[int, int] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            parents[int(process.name)] = int(
                (process / "stat").read_text().rpartition(")")[2].split()[1]
            )
            threads = (process / "task").iterdir()
            spent[int(process.name)] = sum(
                int((thread / "schedstat").read_text().split()[0]) for thread in threads
            )
    counted, found = set[int](), {root}
    while found:
        counted |= found
        found = {process for process, parent in parents.items() if parent in found}
    return sum(spent.get(process, 0) for process in counted) / 1e9
