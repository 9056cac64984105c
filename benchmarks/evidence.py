"""A plan of 50 promotions with all its evidence, beside what it cost before and with --quick.

Each change replaces a linear model by gradient boosting; each model has payloads of its own, with
digests of their own. Before is the commit of `benchmarks.reconcile.engines`, which ran on a folder
of its own. The cache is empty at first. CPU is of all processes of a command. The memory is that of
all of them together, shared pages counted once (PSS); Linux.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.reconcile import engines
from harness.costs import measured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.reconcile.engines import Engine
    from harness.costs import Cost

_CHANGES = 50
_EVERY = 0.2  # seconds between two looks at the memory
_MIB = 1024  # KiB
_RECIPES = """
models:
  wind:
    versions:
      1: {train: power_forecasting, params: {estimator: linear}}
      2: {train: power_forecasting, params: {estimator: gradient_boosting, max_iter: 100}}
    stages: {}
"""


_BARE = """
import sys
from mlflow.pyfunc import load_model
from training.features import FEATURES
from training.synthetic import windfarm

rows = windfarm()[list(FEATURES)].tail(731)
for folder in sys.argv[1:]:
    load_model(folder).predict(rows)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """What a command took: MiB at its peak, and lines that told of progress."""

    mebibytes: float
    lines: int


def measure() -> Iterator[str]:
    """What plans cost; the alternatives are the commit before, --quick, and a bare loop."""
    kept = Path(os.environ.get("MLGITOPS_BENCH_FOLDER", ".mlgitops/bench")).resolve()
    kept.mkdir(parents=True, exist_ok=True)
    ours, before = engines.here(), engines.before(kept)
    with tempfile.TemporaryDirectory(prefix="mlgitops-bench-") as name:
        costs = {}
        for engine in (before, ours):
            folder = Path(name) / engine.name
            folder.mkdir()
            _prepare(folder, engine)
            costs[engine.name] = _cost(engine, folder)
        first, old = costs[ours.name], costs[before.name]
        second, quick = _cost(ours, folder), _cost(ours, folder, "--quick")
        yield f"plan of {_CHANGES} promotions with predictions: {_beside(first, old, 'of before')}"
        yield f"the same once more: {_beside(second, old, 'of before')}"
        yield f"the same with --quick: {_beside(quick, old, 'of before')}"
        bare = _bare(folder)
        yield f"a bare loop that loads and asks each version: {_beside(bare, old, 'of before')}"
        page, page_before = (
            _cost(engine, Path(name) / engine.name, "--report", "plan.html")
            for engine in (ours, before)
        )
        yield f"the plan once more, with its page: {_beside(page, page_before, 'of before')}"
        quick_memory, memory = _plan(folder, "--quick"), _plan(folder, "--no-cache")
        yield (
            f"with predictions and its page, without the cache: {memory.mebibytes:.0f} MiB at the "
            f"peak, {memory.mebibytes / quick_memory.mebibytes:.2f} × of --quick, "
            f"{memory.lines} lines of progress"
        )
        yield f"its page: {(folder / 'plan.html').stat().st_size / 1e6:.1f} MB"


def _beside(cost: Cost, other: Cost, what: str) -> str:
    return (
        f"{cost.cpu:.0f} s of CPU, {cost.wall:.0f} s; {cost.cpu / other.cpu:.2f} × in CPU and "
        f"{cost.wall / other.wall:.2f} × in time {what} ({other.cpu:.0f} s, {other.wall:.0f} s)"
    )


def _cost(engine: Engine, folder: Path, *options: str) -> Cost:
    allowed = ["--allow", "unmanaged", "--allow", "many-changes"]
    return measured(
        [str(engine.python), "-m", engine.package, "plan", "--state", ".", *allowed, *options],
        folder=folder,
        environment=_environment(engine, folder),
        timeout=3600,
    )


def _bare(folder: Path) -> Cost:
    """What no plan with predictions can go below: in one process, with nothing around a version."""
    folders = sorted(map(str, folder.glob("copies/*/*")))
    return measured(
        [sys.executable, "-c", _BARE, *folders],
        folder=folder,
        environment=_environment(engines.here(), folder),
        timeout=3600,
    )


def _environment(engine: Engine, folder: Path) -> dict[str, str]:
    own = {"PYTHONPATH": str(engine.home), "XDG_CACHE_HOME": str(folder / "cache")}
    return engines.environment() | own


def _prepare(folder: Path, engine: Engine) -> None:
    """A registry of many models, each with a linear version in Production and a better one."""
    import mlflow

    (folder / "models.yaml").write_text(_RECIPES)
    engine.run("train", "--state", ".", folder=folder)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    trained = [client.get_model_version("wind", number) for number in ("1", "2")]
    payloads = [
        Path(client.get_model_version_download_uri("wind", str(v.version))) for v in trained
    ]
    lines = []
    for index in range(_CHANGES):
        model = f"wind-{index:03}"
        client.create_registered_model(model)
        for version, payload in zip(trained, payloads, strict=True):
            copy = folder / "copies" / model / str(version.version)
            shutil.copytree(str(payload).removeprefix("file:"), copy)
            (copy / "model.txt").write_text(model, encoding="utf-8")
            client.create_model_version(
                model, copy.as_uri(), run_id=version.run_id, tags=version.tags
            )
        client.set_registered_model_alias(model, "production", "1")
        lines.append(f"  {model}: {{stages: {{Production: 2}}}}")
    (folder / "models.yaml").write_text("models:\n" + "\n".join(lines) + "\n")


def _plan(folder: Path, *options: str) -> Ran:
    command = [sys.executable, "-m", "mlgitops", "plan", "--state", ".", "--report", "plan.html"]
    allowed = ["--allow", "unmanaged", "--allow", "many-changes"]
    with subprocess.Popen(
        [*command, *allowed, *options],
        cwd=folder,
        env=_environment(engines.here(), folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        peak = [0.0]
        watch = threading.Thread(target=_watch, args=(process, peak))
        watch.start()
        assert process.stderr is not None
        said = process.stderr.read().splitlines()
        watch.join()
    if process.returncode:
        sys.exit("\n".join(said[-5:]))
    told = [line for line in said if line.startswith("reading evidence")]
    return Ran(mebibytes=peak[0], lines=len(told))


def _watch(process: subprocess.Popen[str], peak: list[float]) -> None:
    """Keep the most memory that the processes of a session held together, in MiB."""
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(_proportional, _session(process.pid))) / _MIB)
        time.sleep(_EVERY)


def _session(leader: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        with suppress(ValueError, OSError, IndexError):
            # the sixth field, behind the command's name, which may hold anything
            rest = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(rest[3]) == leader:
                yield int(entry.name)


def _proportional(process: int) -> int:
    """The memory of a process in KiB, its part of what it shares with others."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
