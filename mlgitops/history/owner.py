"""Who manages the stages of a models.yaml: a name that stays, whoever applies it from wherever."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.errors import OwnerError
from mlgitops.system import git

if TYPE_CHECKING:
    from mlgitops.core.desired import Desired

VARIABLE = "MLGITOPS_OWNER"
LOCAL = "local"  # nobody else manages stages of an embedded registry
# ssh://git@HOST:22/PATH, https://NAME@HOST/PATH, file:///PATH; then git@HOST:PATH
_URL = re.compile(r"[a-z+]+://(?:[^/@]*@)?(\[[^]]*\]|[^/:]*)(?::\d+)?(/.*)")
_SCP = re.compile(r"(?:[^/@:]+@)?([^/:]+):(.*)")


def owned(desired: Desired, registry: str) -> Desired:
    """A desired state that says who manages its stages.

    Args:
        desired: models.yaml.
        registry: the identity of the registry that it is held against.

    Raises:
        OwnerError: neither models.yaml nor MLGITOPS_OWNER says it, and git knows no origin.
    """
    found = desired.owner or os.environ.get(VARIABLE) or of_origin(Path(desired.file))
    if not found and registry.startswith("sqlite:"):
        found = LOCAL
    if not found:
        raise OwnerError(
            f"{desired.file} does not say who manages its stages, and git has no remote `origin`; "
            "add a line such as `owner: acme/farm-models`, so that repositories that share the "
            "registry leave each other's stages alone"
        )
    return replace(desired, owner=found)


def of_origin(file: Path) -> str:
    """Host and path of the origin of a file's repository; empty if it has none."""
    remote = git.origin(file)
    return of_remote(remote) if remote else ""


def of_remote(remote: str) -> str:
    """Host and path of a remote, the same however it is spelled.

    >>> of_remote("git@GitHub.com:acme/Farm-models.git")
    'github.com/acme/farm-models'
    >>> of_remote("ssh://git@github.com:22/acme/farm-models")
    'github.com/acme/farm-models'
    """
    text = remote.strip().lower().rstrip("/").removesuffix(".git")
    match = _URL.fullmatch(text) or _SCP.fullmatch(text)
    if match is None:
        return text
    host, path = match[1], match[2].lstrip("/")
    return f"{host}/{path}"
