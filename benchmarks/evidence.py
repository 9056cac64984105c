"""A plan of 200 changes with all its evidence: time and memory, beside one without predictions.

Each change replaces a linear model by gradient boosting; each model has payloads of its own. The
memory is that of all processes of the command together, shared pages counted once (PSS); Linux.
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

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHANGES = 200
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """What a command took: seconds, MiB at its peak, and lines that told of progress."""

    seconds: float
    mebibytes: float
    lines: int


def measure() -> Iterator[str]:
    """Seconds, memory and progress of a plan; the alternative is the same plan with `--quick`."""
    with tempfile.TemporaryDirectory(prefix="mlgitops-bench-") as name:
        folder = Path(name)
        _prepare(folder)
        quick, full = _plan(folder, "--quick"), _plan(folder)
        page = folder / "plan.html"
        yield (
            f"{_CHANGES} changes with predictions: {full.seconds:.0f} s, "
            f"{full.seconds / _CHANGES:.2f} s a change, {full.mebibytes:.0f} MiB at the peak, "
            f"{full.lines} lines of progress"
        )
        yield (
            f"the same with --quick: {quick.seconds:.0f} s, {quick.mebibytes:.0f} MiB; "
            f"ratio {full.seconds / quick.seconds:.1f} × in time, "
            f"{full.mebibytes / quick.mebibytes:.2f} × in memory"
        )
        yield f"its page: {page.stat().st_size / 1e6:.1f} MB"


def _prepare(folder: Path) -> None:
    """A registry of many models, each with a linear version in Production and a better one."""
    import mlflow

    (folder / "models.yaml").write_text(_RECIPES)
    _mlgitops(folder, "train", "--state", ".")
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
            client.create_model_version(
                model, copy.as_uri(), run_id=version.run_id, tags=version.tags
            )
        client.set_registered_model_alias(model, "production", "1")
        lines.append(f"  {model}: {{stages: {{Production: 2}}}}")
    (folder / "models.yaml").write_text("models:\n" + "\n".join(lines) + "\n")


def _mlgitops(folder: Path, *arguments: str) -> None:
    environment = os.environ | {"MLFLOW_TRACKING_URI": ""}
    command = [sys.executable, "-m", "mlgitops", *arguments]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


def _plan(folder: Path, *options: str) -> Ran:
    command = [sys.executable, "-m", "mlgitops", "plan", "--state", ".", "--report", "plan.html"]
    allowed = ["--allow", "unmanaged", "--allow", "many-changes"]
    begun = time.perf_counter()
    with subprocess.Popen(
        [*command, *allowed, *options],
        cwd=folder,
        env=os.environ | {"MLFLOW_TRACKING_URI": ""},
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
    return Ran(seconds=time.perf_counter() - begun, mebibytes=peak[0], lines=len(told))


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
