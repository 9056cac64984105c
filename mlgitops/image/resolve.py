"""Requirements with everything that they need, by uv."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlgitops.core.requirements import CONSTRAINTS, WHEELS
from mlgitops.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterable

# what uv calls the platforms that Docker builds for
PLATFORMS = {
    "linux/amd64": "x86_64-manylinux_2_28",
    "linux/arm64": "aarch64-manylinux_2_28",
}
_PATIENCE = 600  # seconds; requirements can be such that no end is in sight
_SHOWN = 3_000  # characters of what uv says
# a model's requirements choose what uv does; of this machine it knows what it needs to reach the
# indexes that whoever builds has chosen, in uv's own variables or files
_NEEDED = re.compile(
    r"PATH|HOME|TMPDIR|XDG_[A-Z]+_HOME|LANG|NETRC|SSL_CERT_FILE|SSL_CERT_DIR|SSL_CLIENT_CERT"
    r"|(HTTP|HTTPS|ALL|NO)_PROXY|UV_(?!PUBLISH_)[A-Z0-9_]+",
    re.IGNORECASE,
)


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
    import uv

    command = [os.fsdecode(uv.find_uv_bin()), "pip", "compile", "--quiet", "--color", "never"]
    command += ["--no-header", "--no-annotate", "--generate-hashes", "--no-emit-index-url"]
    # wheels only: to build a package is to run its code, here, with what this process may do
    command += ["--python-version", python, "--python-platform", PLATFORMS[target], "--no-build"]
    if configuration:
        command += ["--config-file", str(configuration.resolve())]
    # a project that happens to lie here has no say in an image, nor has one in the model
    with TemporaryDirectory(prefix="mlgitops-uv-") as folder:
        (Path(folder) / CONSTRAINTS).write_text("\n".join(constraints), encoding="utf-8")
        if wheels:
            (Path(folder) / WHEELS).symlink_to(wheels.resolve())
        return _output(
            [*command, "--constraints", CONSTRAINTS, "-"], "\n".join(requirements), folder
        )


def _output(command: list[str], text: str, folder: str) -> str:
    try:
        done = subprocess.run(
            command,
            input=text,
            cwd=folder,
            env={name: value for name, value in os.environ.items() if _NEEDED.fullmatch(name)},
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        message = (
            f"uv cannot resolve the model's requirements within {_PATIENCE} s; pin their versions"
        )
        raise ImageError(message) from error
    if done.returncode:
        said = done.stderr.strip()[:_SHOWN]
        raise ImageError(f"cannot resolve the model's requirements:\n{said}")
    return done.stdout
