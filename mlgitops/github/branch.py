"""A branch with an edited models.yaml, pushed with the token of the run."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from mlgitops.history import paths
from mlgitops.system import git

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.github.context import Context

_NAME = "github-actions[bot]"
_EMAIL = "41898282+github-actions[bot]@users.noreply.github.com"


def publish(file: Path, branch: str, message: str, context: Context) -> None:
    """Commit a file on a new branch of this checkout and push it; an older push is replaced.

    What it includes is committed with it.

    Raises:
        GitError: git failed.
    """
    place = paths.place(file)
    declared = place.files(file)
    environment = {**_environment(context), **declared.environment}
    for command in (
        ("switch", "--force-create", branch),
        ("add", "--", *declared.specs),
        ("commit", "--quiet", "--message", message),
        ("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}"),
    ):
        git.run(place.top, *command, environment=environment)


def _environment(context: Context) -> dict[str, str]:
    """The bot as author, and the token as a header: neither in arguments nor in a file."""
    made = {
        **{f"GIT_{role}_NAME": _NAME for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": _EMAIL for role in ("AUTHOR", "COMMITTER")},
    }
    if context.token:
        login = base64.b64encode(f"x-access-token:{context.token}".encode()).decode()
        made |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{context.server}/.extraheader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {login}",
        }
    return made
