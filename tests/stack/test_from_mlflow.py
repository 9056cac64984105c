"""What docs/from-mlflow.md says of images, MLflow's and ours, run as it prints them."""

from __future__ import annotations

import json
import secrets
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from harness import from_mlflow, pages
from harness.from_mlflow import answers, command, curl, endpoints, started
from mlgitops.errors import DockerCommandError
from mlgitops.system import docker
from mlgitops.system.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.team import Team

# where none of its layers is cached, MLflow's build installs all of MLflow with pip
pytestmark = [pytest.mark.xdist_group("from-mlflow"), pytest.mark.timeout(600)]

_STARTS = 5  # of MLflow's container, until one of them is not lost as the page says
_LOST = '"/var/log/nginx/access.log" failed (17: File exists)'


@pytest.fixture
def model(farm: Team, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A model in Production under a name that no other image has; its images are removed."""
    name = f"mlgitops-test-{secrets.token_hex(4)}"
    farm.client.copy_model_version(f"models:/{from_mlflow.MODEL}/2", name)
    farm.stages(name, Production=1)
    farm.ok("apply")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", farm.uri)
    yield name
    listed = docker.run(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", name]).split()
    if listed:
        docker.run(["image", "rm", "--force", *listed])


@pytest.mark.thorough  # MLflow's own, which changes with its version alone
def test_an_image_of_mlflow(model: str, tmp_path: Path) -> None:
    """Two endpoints of four, no bare list, root, not confined, no label: as the page says."""
    _build(from_mlflow.BUILD_DOCKER, model)
    with _running(from_mlflow.RUN, model, tmp_path / "log") as port:
        assert endpoints(port) == {"ping": 200, "health": 404, "version": 404}
        assert curl(from_mlflow.BARE_CURL, port)[0] == 400
        assert curl(from_mlflow.KEYED_CURL, port)[0] == 200
    assert _user(model) == "0"
    assert not _inspected(model)["Config"]["Labels"]
    confined = ["run", "--rm", "--read-only", "--cap-drop", "ALL", model]
    with pytest.raises(DockerCommandError, match="nginx"):
        docker.run(confined)


def test_an_image_of_ours(model: str, tmp_path: Path) -> None:
    """Four endpoints, the bare list as well, confined, a user of its own, its version's label."""
    _build(from_mlflow.OUR_BUILD, model)
    with _running(from_mlflow.OUR_RUN, model, tmp_path / "log") as port:
        assert endpoints(port) == {"ping": 200, "health": 200, "version": 200}
        status, answer = curl(from_mlflow.BARE_CURL, port)
        assert (status, answer) == curl(from_mlflow.KEYED_CURL, port)
        assert (status, len(answer["predictions"])) == (200, 1)
    image = f"{model}:production"
    assert _user(image) == "10001"
    assert _inspected(image)["Config"]["Labels"]["mlgitops.version"] == "1"


def _build(pattern: str, model: str) -> None:
    """Build an image with a command of the page."""
    text = command(pattern, free_port(), model)
    ran = subprocess.run(
        ["bash", "-c", text],
        env=pages.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-1000:] + ran.stderr[-4000:]


@contextmanager
def _running(pattern: str, model: str, log: Path) -> Iterator[int]:
    """Run an image with a command of the page until the block ends; yields its port."""
    port = free_port()
    text = command(pattern, port, model)
    try:
        for _ in range(_STARTS):
            with started(text, log) as process:
                if answers(process, port):
                    yield port
                    return
            said = log.read_text(errors="replace")
            assert _LOST in said, said
        pytest.fail(f"lost {_STARTS} times")
    finally:
        ran = docker.run(["ps", "--all", "--quiet", "--filter", f"ancestor={text.split()[-1]}"])
        if ran:
            docker.run(["rm", "--force", "--volumes", *ran.split()])


def _inspected(image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker.run(["image", "inspect", image]))[0]
    return found


def _user(image: str) -> str:
    """The number of the user that its processes are."""
    return docker.run(["run", "--rm", "--entrypoint", "id", image, "-u"]).strip()
