"""Images of one model by `mlgitops image build` and by `mlflow models build-docker`, timed."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import pages
from mlgitops.image.environment import REPOSITORY
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# two versions with the same requirements, which is what a team trains most of the time
_MODELS = """
models:
  {model}:
    versions:
      1: {{train: power_forecasting, params: {{estimator: gradient_boosting, max_iter: 200}}}}
      2: {{train: power_forecasting, params: {{estimator: gradient_boosting, max_iter: 199}}}}
    stages: {{}}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """A registry with two versions of a model, and where their images are made.

    Attributes:
        model: the model's name, and the name of all images of it.
    """

    folder: Path
    model: str

    def run(self, *arguments: str) -> str:
        """Run a command of this interpreter's environment on the registry; what it printed."""
        environment = pages.environment() | {
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder / 'mlflow.db'}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "UV_CACHE_DIR": str(self.folder / "uv"),
        }
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{' '.join(arguments)}:\n{done.stderr[-4000:]}")
        return done.stdout


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """The images of one side, and how long they took.

    Attributes:
        image: that of version 1.
        size: its bytes.
        cold: seconds to build version 1 with nothing cached.
        rebuild: seconds to build version 2 after that.
        again: seconds to build version 2 once more, which changes nothing.
    """

    image: str
    size: int
    cold: float
    rebuild: float
    again: float


@contextmanager
def shop() -> Iterator[Shop]:
    """Train two versions; the registry and all images are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mlgitops-bench-") as folder:
        made = Shop(folder=Path(folder), model=f"mlgitops-bench-{secrets.token_hex(4)}")
        (made.folder / "models.yaml").write_text(_MODELS.format(model=made.model))
        # not through the variable: the embedded registry keeps its artifacts in the folder
        training = os.environ | {"MLFLOW_TRACKING_URI": ""}
        command = [sys.executable, "-m", "mlgitops", "train", "--state", "."]
        subprocess.run(command, cwd=made.folder, env=training, check=True, capture_output=True)
        try:
            yield made
        finally:
            named = ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", made.model]
            if images := docker.run(named).split():
                docker.run(["image", "rm", "--force", *images])


def ours(shop: Shop) -> Images:
    """By `mlgitops image build`."""

    def build(version: str) -> str:
        printed = shop.run("mlgitops", "image", "build", shop.model, version, "--format", "json")
        return str(json.loads(printed)["tags"][0])

    return _timed(build)


def theirs(shop: Shop) -> Images:
    """By `mlflow models build-docker --env-manager local`."""

    def build(version: str) -> str:
        tag = f"{shop.model}:mlflow-{version}"
        model = f"models:/{shop.model}/{version}"
        shop.run(
            *("mlflow", "models", "build-docker", "-m", model, "-n", tag),
            *("--env-manager", "local"),
        )
        return tag

    return _timed(build)


def _timed(build: Callable[[str], str]) -> Images:
    docker.run(["builder", "prune", "--all", "--force"])
    kept = docker.run(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY]).split()
    if kept:
        docker.run(["image", "rm", *kept])
    taken, tags = [], []
    for version in ("1", "2", "2"):
        begun = time.perf_counter()
        tags.append(build(version))
        taken.append(time.perf_counter() - begun)
    size = docker.run(["image", "inspect", "--format", "{{.Size}}", tags[0]])
    return Images(image=tags[0], size=int(size), cold=taken[0], rebuild=taken[1], again=taken[2])
