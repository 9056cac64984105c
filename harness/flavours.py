"""Models of many flavours, saved by the packages that they need, and MLflow's own server of them.

`harness.saved` runs in an environment of each flavour, with nothing of ours: older MLflows and
numpys are asked for by `Flavour.packages`, which uv installs and keeps.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uv

from harness import pages
from harness.waiting import eventually
from mlgitops.system.http import is_up
from mlgitops.system.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).resolve().parents[1]
_LONG = 300  # seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Flavour:
    """A kind of model.

    Attributes:
        name: of its function in `harness.saved`.
        packages: of its environment; none for the one that runs this.
        debian: packages that its image needs besides.
        sampled: whether it is among the few that stand for all.
    """

    name: str
    packages: tuple[str, ...] = ()
    debian: tuple[str, ...] = ()
    sampled: bool = False

    def save(self, folder: Path) -> dict[str, Any]:
        """Save the model into a folder that does not exist; a request that it answers."""
        done = subprocess.run(
            [*self._python, "-m", "harness.saved", self.name, str(folder)],
            env=pages.environment()
            | {"MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": str(_ROOT)},
            cwd=folder.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    @contextmanager
    def served(self, folder: Path) -> Iterator[str]:
        """MLflow's own server of a saved model, until the block ends; its address."""
        port = free_port()
        command = ["mlflow", "models", "serve", "--model-uri", str(folder), "--port", str(port)]
        log = folder.parent / "served.log"
        with (
            log.open("w") as stream,
            subprocess.Popen(
                [*self._python, "-m", *command, "--env-manager", "local", "--workers", "1"],
                env=pages.environment() | {"MLFLOW_DISABLE_TELEMETRY": "true"},
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            try:
                url = f"http://127.0.0.1:{port}"
                eventually(lambda: is_up(f"{url}/ping") or _ended(process), within=_LONG)
                assert process.poll() is None, log.read_text()[-4000:]
                yield url
            finally:
                with suppress(ProcessLookupError):  # it may have ended by itself
                    os.killpg(process.pid, 15)

    @property
    def _python(self) -> list[str]:
        if not self.packages:
            return [sys.executable]
        wanted = [part for package in self.packages for part in ("--with", package)]
        base = ["--no-project", "--isolated", "--no-build", "--python", sys.executable]
        return [uv.find_uv_bin(), "run", "--quiet", *base, *wanted, "python"]


def _ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def _old(mlflow: str, *packages: str) -> tuple[str, ...]:
    return (f"mlflow=={mlflow}", "setuptools<81", *packages)


FLAVOURS = (
    Flavour(name="sklearn_pickle"),
    Flavour(name="sklearn_cloudpickle"),
    Flavour(name="sklearn_skops"),
    Flavour(name="text_labels", sampled=True),
    Flavour(name="boolean_labels"),
    Flavour(name="several_outputs"),
    Flavour(name="column_transformer"),
    Flavour(name="optional_columns"),
    Flavour(name="nullable_integers"),
    Flavour(name="integers"),
    Flavour(name="datetimes", sampled=True),
    Flavour(name="lightgbm", debian=("libgomp1",)),
    Flavour(name="xgboost", debian=("libgomp1",)),
    Flavour(name="onnx"),
    Flavour(name="statsmodels"),
    Flavour(name="from_code"),
    Flavour(name="other_python"),
    Flavour(name="code_paths"),
    Flavour(name="params"),
    Flavour(name="tensors"),
    Flavour(name="named_tensors", sampled=True),
    Flavour(name="nested", sampled=True),
    Flavour(name="texts"),
    Flavour(name="vectors"),
    Flavour(name="chat", sampled=True),
    Flavour(name="agent"),
    Flavour(name="unsigned"),
    Flavour(name="no_example"),
    Flavour(
        name="numpy_1",
        packages=(
            *_old("2.22.0", "numpy==1.26.4", "pandas==2.0.3", "scikit-learn==1.3.2"),
            "fastapi==0.115.12",  # MLflow's server of that time does not start with today's
        ),
    ),
    Flavour(
        name="pandas_1",
        packages=_old("2.9.2", "numpy==1.23.5", "pandas==1.5.3", "scikit-learn==1.2.2"),
        sampled=True,
    ),
    Flavour(
        name="mlflow_2_9",
        packages=_old("2.9.2", "numpy==1.26.4", "pandas==2.1.4", "scikit-learn==1.3.2"),
    ),
)
