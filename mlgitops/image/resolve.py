"""An image's requirements with everything that they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.system import uv

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# what uv calls the platforms that Docker builds for
PLATFORMS = {
    "linux/amd64": "x86_64-manylinux_2_28",
    "linux/arm64": "aarch64-manylinux_2_28",
}


def locked(
    python: str,
    target: str,
    requirements: Iterable[str],
    constraints: Iterable[str] = (),
    *,
    configuration: Path | None = None,
    wheels: Path | None = None,
) -> str:
    """A requirements file with everything that is needed, each at one version with its hashes.

    Args:
        python: such as `3.11`.
        target: a platform of PLATFORMS.
        requirements: PEP 508, or `wheels/…`.
        constraints: PEP 508.
        configuration: a `uv.toml`.
        wheels: the folder that `wheels/…` stands for.

    Raises:
        ResolveError: they contradict each other, there is no such package, or no end of resolving.
    """
    options = ["--python-version", python, "--python-platform", PLATFORMS[target]]
    if configuration:
        options += ["--config-file", str(configuration.resolve())]
    return uv.locked(requirements, options, constraints=constraints, wheels=wheels)
