"""What a machine has; sent to workers as code, as mlgitops itself may be missing there."""

from __future__ import annotations

import os
import platform
from importlib import metadata


def facts(packages: tuple[str, ...], files: tuple[str, ...]) -> dict[str, str]:
    """The versions of Python and of packages, and of files whether they are there.

    Args:
        packages: names of distributions; what is not installed is left out.
        files: paths; what is not there is left out.
    """
    found = {"Python": platform.python_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {**found, **{path: "there" for path in files if os.path.exists(path)}}  # noqa: PTH110
