"""Training and scoring on Dask's workers in containers, which are hosts of their own."""

from __future__ import annotations

import secrets
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
import requests
from mlflow import MlflowClient

from harness import training
from harness.waiting import eventually
from mlgitops.system import docker
from mlgitops.system.processes import started

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(1800)]

LONG = 600.0  # seconds; a busy machine starts five processes that import MLflow
_APART = (
    *("--read-only", "--tmpfs=/tmp:mode=1777", "--cap-drop=ALL"),
    "--security-opt=no-new-privileges",
)
_SCHEDULER = ("dask", "scheduler", "--protocol=tls", "--port=8786")
_WORKER = (
    *("dask", "worker", "--protocol=tls", "--no-nanny", "--memory-limit=0", "--nthreads=1"),
    *("--local-directory=/tmp", "tls://scheduler:8786"),
)
_REGISTRY = (
    *("mlflow", "server", "--host=0.0.0.0", "--port=5000", "--workers=1", "--allowed-hosts=*"),
    *("--backend-store-uri=sqlite:////tmp/mlflow.db", "--artifacts-destination=/tmp/artifacts"),
    "--serve-artifacts",
)


class Hosts:
    """Containers of one image on a network of their own; a context that leaves none."""

    def __init__(self, image: str, certificates: Path) -> None:
        self._image, self._certificates = image, certificates
        self._name = f"mlgitops-test-{secrets.token_hex(4)}"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        docker.run(["network", "create", self._name])
        self._stack.callback(docker.run, ["network", "rm", self._name])
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, host: str, *command: str) -> str:
        """Start one with a name on the network; the address at which this machine reaches it."""
        variables = training.variables(Path("/run/secrets"), "scheduler", "worker")
        variables["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
        container = f"{self._name}-{host}"
        docker.run(
            [
                *("run", "--detach", "--name", container, "--hostname", host, *_APART),
                *("--network", self._name, "--network-alias", host),
                f"--volume={self._certificates}:/run/secrets:ro",
                *(f"--env={name}={value}" for name, value in variables.items()),
                *(self._image, *command),
            ]
        )
        self._stack.callback(docker.run, ["rm", "--force", "--volumes", container])
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return docker.run(["inspect", "--format", form, container]).strip()

    def kill(self, host: str) -> None:
        """End all of its processes at once."""
        docker.run(["kill", f"{self._name}-{host}"])


@contextmanager
def _image() -> Iterator[str]:
    image = f"mlgitops-test-{secrets.token_hex(4)}:worker"
    training.build(image)
    try:
        yield image
    finally:
        docker.run(["image", "rm", image])


def _answers(registry: str) -> bool:
    try:
        return requests.get(f"{registry}/health", timeout=10).ok
    except requests.ConnectionError:
        return False


def test_a_killed_host_changes_no_number(tmp_path: Path) -> None:
    """What it trained is trained by another one, which then lets both versions predict."""
    certificates, place = tmp_path / "certificates", tmp_path / "place"
    certificates.mkdir()
    training.certificates(certificates)
    for path in (certificates, *certificates.iterdir()):  # their user is not this one
        path.chmod(0o755)
    (place / "slowly").mkdir(parents=True)
    (place / "models.yaml").write_text(training.MODELS)
    (place / "slowly" / "slow.py").write_text(training.RECIPE)
    with ExitStack() as stack:
        hosts = stack.enter_context(Hosts(stack.enter_context(_image()), certificates))
        registry = f"http://{hosts.start('registry', *_REGISTRY)}:5000"
        scheduler = f"tls://{hosts.start('scheduler', *_SCHEDULER)}:8786"
        for host in ("first", "second"):
            hosts.start(host, *_WORKER)
        eventually(lambda: _answers(registry), within=LONG)
        client, log = MlflowClient(registry), tmp_path / "log"
        environment = {
            **training.variables(certificates, "client"),
            "MLFLOW_TRACKING_URI": registry,
        }
        verb = stack.enter_context(
            started(
                [
                    *(sys.executable, "-P", "-m", "mlgitops", "train", "--dask", scheduler),
                    *("--file", str(place / "models.yaml")),
                ],
                log,
                environment=environment,
            )
        )
        eventually(lambda: verb.has_ended or bool(training.waiting(client)), within=LONG)
        lost = training.waiting(client)
        assert lost in {"first", "second"}, log.read_text()
        hosts.kill(lost)
        eventually(
            lambda: verb.has_ended or training.waiting(client) not in {"", lost}, within=LONG
        )
        training.go(client)
        eventually(lambda: verb.has_ended, within=LONG)
        training.check(client, lost=lost, said=log.read_text())
        training.score(place, scheduler, environment)
