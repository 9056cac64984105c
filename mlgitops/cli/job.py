"""What verbs share that run as steps of a job on GitHub."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.system import files

if TYPE_CHECKING:
    from mlgitops.github.api import GitHub
    from mlgitops.github.context import Context


def connect() -> tuple[Context, GitHub]:
    """The run, and GitHub by its token.

    Raises:
        GitHubError: this is no job, or its event cannot be read.
    """
    from mlgitops.github import context
    from mlgitops.github.api import GitHub

    found = context.read()
    return found, GitHub(found)


def export(file: str, **values: str) -> None:
    """Values for the next steps, by one of GitHub's files of "name, delimiter, value" blocks."""
    for name, value in values.items():
        # nobody who writes the value knows the delimiter, so that it cannot end there
        end = secrets.token_hex(16)
        append(file, f"{name}<<{end}\n{value}\n{end}\n")


def append(variable: str, text: str) -> None:
    """Add to a file that GitHub reads after the step, where there is one."""
    if target := os.environ.get(variable):
        files.append_text(Path(target), text)
