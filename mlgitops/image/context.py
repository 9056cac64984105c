"""The folder that Docker builds from, and the build: BuildKit's, with packages locked by uv."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlgitops.core.requirements import WHEELS
from mlgitops.errors import DockerCommandError, ImageError
from mlgitops.image import packages
from mlgitops.image.resolve import locked
from mlgitops.serve import server
from mlgitops.system import docker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mlgitops.image.spec import BuildOptions, Spec

_HERE, _SERVER = Path(__file__).parent, Path(server.__file__).parent
_IN_CONTEXT = ("Dockerfile", "prepare.py")
_UNFIT = re.compile(r"cannot serve: (.+)")  # what prepare.py says


def sources() -> Iterator[tuple[str, Path]]:
    """The files of ours that go into every image, by their names in the folder."""
    for name in _IN_CONTEXT:
        yield name, _HERE / name
    for path in sorted(_SERVER.rglob("*")):
        if path.is_file() and not path.parent.name.startswith("__py"):
            yield f"serving/server/{path.relative_to(_SERVER)}", path


@contextmanager
def folder(
    wish: Spec, model: Path, options: BuildOptions, target: str, say: Callable[[str], None]
) -> Iterator[Path]:
    """The folder that Docker builds from; the same inputs make the same files and dates.

    Raises:
        ImageError: the requirements cannot be had.
    """
    say("resolving its requirements")
    with TemporaryDirectory(prefix="mlgitops-image-") as made:
        _fill(Path(made), wish, model, target, options.configuration)
        yield Path(made)


def _fill(made: Path, wish: Spec, model: Path, target: str, configuration: Path | None) -> None:
    for name, path in sources():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, made / name)
    # of their own: the lock names the wheels as they lie here, and the last image needs none
    wheels = made / WHEELS
    wheels.mkdir()
    for wheel in wish.wheels:
        shutil.copy(model / wheel, wheels)
    served = (made / "serving/server/requirements.txt").read_text(encoding="utf-8").splitlines()
    resolve = partial(locked, wish.python, target, configuration=configuration)
    both = packages.locked(wish, served, partial(resolve, wheels=wheels))
    tools = resolve([f"uv=={version('uv')}"])
    for name, lock in (("packages", both), ("tools", tools)):
        (made / f"{name}.txt").write_text(lock, encoding="utf-8")
    (made / "required.txt").write_text("\n".join(wish.required) + "\n", encoding="utf-8")
    _settle(made)


def add_model(made: Path, model: Path) -> None:
    """Put a model into the folder that Docker builds from."""
    shutil.copytree(model, made / "model")
    _settle(made / "model")


def _settle(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (0, 0))


def build(made: Path, wish: Spec, options: BuildOptions, arguments: Iterable[str]) -> None:
    """Build what lies in a folder, into the engine.

    Args:
        made: from `folder`.
        wish: the image.
        options: what the person who builds chose.
        arguments: of `docker buildx build`, which say what and under which name.

    Raises:
        ImageError: the build failed.
    """
    command = ["buildx", "build", "--load", "--progress", "plain", "--provenance=false"]
    for name, value in {
        "PYTHON_IMAGE": wish.base,
        "START": "extended" if options.debian else "plain",
        "DEBIAN_PACKAGES": " ".join(options.debian),
    }.items():
        command += ["--build-arg", f"{name}={value}"]
    if options.configuration:
        command += ["--secret", f"id=uv,src={options.configuration.resolve()}"]
    if options.platform:
        command += ["--platform", options.platform]
    command += [] if options.cached else ["--no-cache"]
    try:
        docker.run([*command, *arguments, str(made)], shown=30)
    except DockerCommandError as error:
        named = wish.labels["mlgitops.model"] + " version " + wish.labels["mlgitops.version"]
        if match := _UNFIT.search(str(error)):
            raise ImageError(
                f"the server cannot run with the packages of {named}: {match[1]}"
            ) from error
        raise ImageError(f"cannot build the image of {named}:\n{error}") from error
