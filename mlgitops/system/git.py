"""The git command: the one place that runs it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from mlgitops.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# fail instead of waiting for a password that nobody types; messages as `_ADVICE` knows them
_UNATTENDED = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8", "LANGUAGE": ""}
_SHOWN = 3  # lines of a message; git's advice on ownership takes as many
_ADVICE = {
    "not a git repository": "run this in a clone of the repository",
    "could not read Username": "log in to the repository's host, for example with `gh auth login`",
}


def run(place: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a git command and return what it prints, without the end of the last line.

    Args:
        place: the folder to run it in, or a file of that folder.
        arguments: the command, such as `("rev-parse", "HEAD")`.
        environment: variables on top of those of this process.

    Raises:
        GitError: there is no git, or the command failed; with git's reason.
    """
    done = _run(place, arguments, environment or {})
    if done.returncode:
        reason = _reason(_text(done.stderr))
        raise GitError(f"git {arguments[0]} failed in {_folder(place)}: {reason}")
    return _text(done.stdout).removesuffix("\n")


def ask(place: Path, *arguments: str) -> str | None:
    """What a git command prints; None where it fails, which is an answer too.

    Without git, or outside of a repository, the answer is None as well.
    """
    try:
        return run(place, *arguments)
    except GitError:
        return None


def _run(
    place: Path, arguments: tuple[str, ...], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", "-C", str(_folder(place)), *arguments],
            env={**os.environ, **_UNATTENDED, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise GitError("there is no `git` command; install git 2.30 or later") from error


def _reason(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines()]
    told = [line for line in lines if line and not line.startswith("hint:")]
    advice = [f"; {advice}" for sign, advice in _ADVICE.items() if sign in errors]
    return "\n".join(told[-_SHOWN:] or ["it gave no reason"]) + "".join(advice)


def _folder(place: Path) -> Path:
    found = place.resolve()
    return found if found.is_dir() else found.parent


def _text(output: bytes) -> str:
    return output.decode(errors="replace")
