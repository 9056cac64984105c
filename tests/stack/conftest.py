"""Stacks on a real Docker engine, made for each test or shared by those that break nothing."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from typing import TYPE_CHECKING

import pytest

from harness import prepared
from harness.stack import Running
from mlgitops.errors import DockerError
from mlgitops.system import docker, waiting
from stack import settings
from stack.compose import Compose
from tests.stack import place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Make = Callable[..., Running]

_ALL = {"COMPOSE_PROFILES": "s3,webhook", "STACK_ARTIFACTS": "s3://mlflow"}


def _without_docker() -> str | None:
    try:
        docker.require(compose=True)
    except DockerError as error:
        return str(error)
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without Docker: one reason to skip, or one line that fails where Docker is expected."""
    here = [
        i for i in items if "tests/stack/" in i.path.as_posix() and "no_docker" not in i.keywords
    ]
    reason = _without_docker() if here else None
    if reason and os.environ.get("MLGITOPS_EXPECT_DOCKER") == "1":
        pytest.exit(f"MLGITOPS_EXPECT_DOCKER=1, but {reason}", returncode=1)
    for item in here:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(900))
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def _environments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What jobs of workflows install is kept for the next job, and removed in the end."""
    folder = tmp_path_factory.mktemp("environments")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(prepared.FOLDER, str(folder))
        yield
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The images, built once for all workers; a second build comes from the cache.

    Nobody else builds under their names: Compose labels an image with its project, so that an
    image by another project is another one, and a running stack is not what it was made of.
    """
    base = tmp_path_factory.getbasetemp()
    lock = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "images.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        Compose(settings.read(os.environ | _ALL)).build()


@pytest.fixture
def make(images: None, tmp_path: Path) -> Iterator[Make]:  # noqa: ARG001 - they must be built
    """Make stacks that exist until the end of the test."""
    made: list[Running] = []

    def one(**values: str) -> Running:
        folder = tmp_path / f"stack{len(made)}"
        folder.mkdir()
        made.append(Running(folder=folder, settings=values))
        return made[-1]

    yield one
    for stack in made:
        stack.close()


@pytest.fixture
def repository() -> Iterator[str]:
    """What the names of a test's images begin with; they are removed afterwards."""
    name = f"mlgitops-test-{secrets.token_hex(4)}"
    yield name
    named = ("--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={name}/*")
    if mine := docker.run(["image", "ls", *named]).split():
        docker.run(["image", "rm", "--force", *mine])


@pytest.fixture(scope="session")
def quick_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The id of an image that serves at once, whatever it is asked."""
    with place.image_in(tmp_path_factory.mktemp("image")) as made:
        yield made


@pytest.fixture(scope="session")
def shared(
    images: None,  # noqa: ARG001 - they must be built
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    """A running stack with the default settings, for tests that break nothing."""
    stack = Running(
        folder=tmp_path_factory.mktemp("shared"), settings={"STACK_MLFLOW_WORKERS": "2"}
    )
    try:
        stack.up()
        yield stack
    finally:
        stack.close()


@pytest.fixture(scope="session")
def _mending(images: None) -> Iterator[list[Running]]:  # noqa: ARG001 - they must be built
    made: list[Running] = []
    yield made
    for stack in made:
        stack.close()


def _sound(stack: Running) -> bool:
    """Whether all of it is ready; what a test has just started anew has a minute to get there."""

    def ready() -> bool:
        services = stack.compose.services().values()
        return bool(services) and all(service.ready for service in services)

    return waiting.until(ready, timeout=60)


@pytest.fixture
def mended(_mending: list[Running], tmp_path_factory: pytest.TempPathFactory) -> Running:
    """A running stack that a test may break if it heals: the next test has it too.

    One that did not heal is replaced, so that no test pays for another. Tests that use it are of
    the group `mended`: to start a stack takes longer than most of them.
    """
    if _mending and not _sound(_mending[-1]):
        _mending.pop().close()
    if not _mending:
        # what starts without its database is red after this time, which a test waits for
        soon = {"STACK_START_PERIOD": "45s"}
        _mending.append(Running(folder=tmp_path_factory.mktemp("mended"), settings=soon))
        _mending[-1].up()
    return _mending[-1]
