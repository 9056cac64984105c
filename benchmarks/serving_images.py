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

from harness import pages, servers
from mlgitops.image.environment import REPOSITORY
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# versions with the same requirements, which is what a team trains most of the time
_MODELS = """
models:
  {model}:
    versions:
      1: {{train: power_forecasting, params: {{estimator: gradient_boosting, max_iter: 200}}}}
      2: {{train: power_forecasting, params: {{estimator: gradient_boosting, max_iter: 199}}}}
      3: {{train: power_forecasting, params: {{estimator: gradient_boosting, max_iter: 198}}}}
    stages: {{}}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """Two registries with three versions of a model each, and where their images are made.

    Attributes:
        model: the model's name, and the name of all images of it.
        file: a registry that is a file.
        server: one that is a server, which has the payloads too.
    """

    folder: Path
    model: str
    file: str
    server: str

    def run(self, registry: str, *arguments: str) -> str:
        """Run a command of this interpreter's environment on a registry; what it printed."""
        environment = pages.environment() | {
            "MLFLOW_TRACKING_URI": registry,
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
        from_server: seconds to build version 3 after that, with the server as the registry.
    """

    image: str
    size: int
    cold: float
    rebuild: float
    again: float
    from_server: float


@contextmanager
def shop() -> Iterator[Shop]:
    """Train the versions; the registries and all images are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mlgitops-bench-") as folder, _server(folder) as url:
        made = Shop(
            folder=Path(folder),
            model=f"mlgitops-bench-{secrets.token_hex(4)}",
            file=servers.sqlite(Path(folder)),
            server=url,
        )
        (made.folder / "models.yaml").write_text(_MODELS.format(model=made.model))
        # the file not through the variable: the embedded registry keeps its artifacts beside it
        for registry in ("", url):
            training = os.environ | {"MLFLOW_TRACKING_URI": registry}
            command = [sys.executable, "-m", "mlgitops", "train", "--state", "."]
            subprocess.run(command, cwd=made.folder, env=training, check=True, capture_output=True)
        try:
            yield made
        finally:
            named = ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", made.model]
            if images := docker.run(named).split():
                docker.run(["image", "rm", "--force", *images])


@contextmanager
def _server(folder: str) -> Iterator[str]:
    own = Path(folder) / "server"
    own.mkdir()
    artifacts = ("--artifacts-destination", (own / "artifacts").as_uri())
    passed_on = ("--default-artifact-root", "mlflow-artifacts:/", *artifacts)
    with servers.server(own, arguments=passed_on) as url:
        yield url


def ours(shop: Shop) -> Images:
    """By `mlgitops image build`."""

    def build(registry: str, version: str) -> str:
        command = ("mlgitops", "image", "build", shop.model, version, "--format", "json")
        return str(json.loads(shop.run(registry, *command))["tags"][0])

    return _timed(shop, build)


def theirs(shop: Shop) -> Images:
    """By `mlflow models build-docker --env-manager local`."""

    def build(registry: str, version: str) -> str:
        tag = f"{shop.model}:mlflow-{version}"
        model = f"models:/{shop.model}/{version}"
        shop.run(
            *(registry, "mlflow", "models", "build-docker", "-m", model, "-n", tag),
            *("--env-manager", "local"),
        )
        return tag

    return _timed(shop, build)


def _timed(shop: Shop, build: Callable[[str, str], str]) -> Images:
    docker.run(["builder", "prune", "--all", "--force"])
    kept = docker.run(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY]).split()
    if kept:
        docker.run(["image", "rm", *kept])
    taken, tags = [], []
    versions = ((shop.file, "1"), (shop.file, "2"), (shop.file, "2"), (shop.server, "3"))
    for registry, version in versions:
        begun = time.perf_counter()
        tags.append(build(registry, version))
        taken.append(time.perf_counter() - begun)
    size = docker.run(["image", "inspect", "--format", "{{.Size}}", tags[0]])
    cold, rebuild, again, from_server = taken
    return Images(
        image=tags[0],
        size=int(size),
        cold=cold,
        rebuild=rebuild,
        again=again,
        from_server=from_server,
    )
