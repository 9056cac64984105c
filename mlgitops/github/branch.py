"""A branch with an edited models.yaml, pushed with the token of the run."""

from __future__ import annotations

import base64
import os
import subprocess
from typing import TYPE_CHECKING

from mlgitops.errors import GitHubError

if TYPE_CHECKING:
    from pathlib import Path

    from mlgitops.github.context import Context

_NAME = "github-actions[bot]"
_EMAIL = "41898282+github-actions[bot]@users.noreply.github.com"


def publish(file: Path, branch: str, message: str, context: Context) -> None:
    """Commit a file on a new branch of this checkout and push it; an older push is replaced.

    Raises:
        GitHubError: git failed.
    """
    _git(file, context, "switch", "--force-create", branch)
    _git(file, context, "add", "--", file.name)
    _git(file, context, "commit", "--quiet", "--message", message)
    _git(file, context, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")


def _git(file: Path, context: Context, *arguments: str) -> None:
    command = ["git", "-C", str(file.resolve().parent), *arguments]
    done = subprocess.run(
        command, env=_environment(context), capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise GitHubError(f"git {arguments[0]} failed: {last[0]}")


def _environment(context: Context) -> dict[str, str]:
    """The bot as author, and the token as a header: neither in arguments nor in a file."""
    made = {
        **os.environ,
        **{f"GIT_{role}_NAME": _NAME for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": _EMAIL for role in ("AUTHOR", "COMMITTER")},
        "GIT_TERMINAL_PROMPT": "0",
    }
    if context.token:
        login = base64.b64encode(f"x-access-token:{context.token}".encode()).decode()
        made |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{context.server}/.extraheader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {login}",
        }
    return made
