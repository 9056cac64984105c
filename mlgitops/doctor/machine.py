"""This machine: Python and the engine, git, disk, Docker; and models.yaml."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops import __version__
from mlgitops.doctor.covered import covered
from mlgitops.doctor.finding import failed, passed, unchecked
from mlgitops.errors import DesiredStateError, DockerError, OwnerError
from mlgitops.file.load import load
from mlgitops.history.owner import owned
from mlgitops.system import docker, git
from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.doctor.finding import Finding

_PYTHONS = ((3, 11), (3, 13))
_OLDEST_GIT = (2, 30)
_GIB = 2**30
_LEAST = 2 * _GIB  # an image and its rehearsal take about as much


def machine(file: Path) -> Iterator[Finding]:
    """What every command needs."""
    yield _python()
    yield _extras()
    yield from _git(file)
    places = {place.stat().st_dev: place for place in (Path(tempfile.gettempdir()), Path.cwd())}
    yield from map(_disk, places.values())


def containers() -> Iterator[Finding]:
    """Docker, for images, deployments and rehearsals on the stack."""
    try:
        docker.require(compose=True)
        yield passed("Docker", "the engine answers, and has its Compose plugin")
    except DockerError as error:
        yield failed("Docker", str(error), "only image, deploy and the stack need it")


def declared(file: Path, registry: str) -> Iterator[Finding]:
    """models.yaml: whether it is there and valid, who manages its stages, what of it is covered.

    Args:
        file: its path.
        registry: the identity of the registry, or its address.
    """
    name = file.name
    try:
        desired = load(file)
    except DesiredStateError as error:
        first, more = error.problems[0], len(error.problems) - 1 + error.more
        rest = f", and {count(more, 'more problem')}" if more else ""
        yield failed(name, f"{first}{rest}", "`mlgitops validate` lists all problems")
        return
    stages = sum(len(model.stages) for model in desired.models.values())
    yield passed(name, f"{count(len(desired.models), 'model')}, {count(stages, 'stage')}")
    try:
        yield passed("owner", owned(desired, registry).owner)
    except OwnerError as error:
        yield failed("owner", str(error), "")
    yield from covered(file)


def _python() -> Finding:
    oldest, newest = (".".join(map(str, one)) for one in _PYTHONS)
    found = f"mlgitops {__version__}, Python {platform.python_version()}"
    if not _PYTHONS[0] <= sys.version_info[:2] <= _PYTHONS[1]:
        return failed("engine", found, f"use a Python from {oldest} to {newest}")
    return passed("engine", found)


def _extras() -> Finding:
    try:
        return passed("packages", f"MLflow {version('mlflow')} is installed here")
    except PackageNotFoundError:
        return passed("packages", "the bare engine: no evidence, training or images")


def _git(file: Path) -> Iterator[Finding]:
    said = git.ask(file, "version")
    number = (said or "").removeprefix("git version ").split(" ")[0]
    if not number:
        yield failed("git", "there is no `git` command", "install git 2.30 or later")
        return
    parts = tuple(int(part) for part in number.split(".")[:2] if part.isdecimal())
    if parts < _OLDEST_GIT:
        yield failed("git", number, "install git 2.30 or later")
        return
    shallow = git.ask(file, "rev-parse", "--is-shallow-repository")
    if shallow is None:
        yield unchecked("git", f"{number}; {file.resolve().parent} is in no repository")
    elif shallow == "true":
        yield failed(
            "git", f"{number}, in a shallow clone", "clone the whole history: `fetch-depth: 0`"
        )
    else:
        yield passed("git", number)


def _disk(place: Path) -> Finding:
    check = f"disk of {place}"
    free = shutil.disk_usage(place).free
    found = f"{free / _GIB:.1f} GiB free"
    if free < _LEAST:
        return failed(check, found, f"free {_LEAST // _GIB} GiB for models and images")
    return passed(check, found)
