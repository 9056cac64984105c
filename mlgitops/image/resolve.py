"""A model's requirements with everything that they need."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlgitops.core.requirements import CONSTRAINTS, WHEELS
from mlgitops.errors import ImageError, ResolveError
from mlgitops.system import uv

if TYPE_CHECKING:
    from collections.abc import Iterable

# what uv calls the platforms that Docker builds for
PLATFORMS = {
    "linux/amd64": "x86_64-manylinux_2_28",
    "linux/arm64": "aarch64-manylinux_2_28",
}


def locked(
    requirements: Iterable[str],
    python: str,
    target: str,
    *,
    configuration: Path | None = None,
    constraints: Iterable[str] = (),
    wheels: Path | None = None,
) -> str:
    """A requirements file with everything that is needed, each at one version with its hashes.

    Args:
        requirements: PEP 508, or `wheels/…`.
        python: such as `3.11`.
        target: a platform of PLATFORMS.
        configuration: a `uv.toml`.
        constraints: PEP 508.
        wheels: the folder that `wheels/…` stands for.

    Raises:
        ImageError: they contradict each other, there is no such package, or no end of resolving.
    """
    # wheels only: to build a package is to run its code, here, with what this process may do
    arguments = ["--no-header", "--no-annotate", "--no-build"]
    arguments += ["--python-version", python, "--python-platform", PLATFORMS[target]]
    if configuration:
        arguments += ["--config-file", str(configuration.resolve())]
    arguments += ["--constraints", CONSTRAINTS, "-"]
    # a project that happens to lie here has no say in an image, nor has one in the model
    with TemporaryDirectory(prefix="mlgitops-uv-") as folder:
        (Path(folder) / CONSTRAINTS).write_text("\n".join(constraints), encoding="utf-8")
        if wheels:
            (Path(folder) / WHEELS).symlink_to(wheels.resolve())
        try:
            return uv.compiled(arguments, Path(folder), "\n".join(requirements))
        except ResolveError as error:
            raise ImageError(f"cannot resolve the model's requirements:\n{error}") from error
