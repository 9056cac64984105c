"""A short-lived login: a command of the team's own, which prints the variables that log in.

As AWS's `credential_process` and Kubernetes' exec plugins do it, but for whatever a registry and
its artifact store ask for.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from functools import cache

from mlgitops.errors import LoginError
from mlgitops.system import secrets
from mlgitops.system.processes import ended
from mlgitops.words import brief

VARIABLE = "MLGITOPS_LOGIN"
_DEADLINE = 60.0  # seconds
_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_SAID = 200  # characters of the last line of its errors


def log_in() -> tuple[str, ...]:
    """Set the variables that the command in MLGITOPS_LOGIN prints, once in this process.

    It is run without a shell, and prints lines such as `MLFLOW_TRACKING_TOKEN=…`.

    Returns:
        The names of the variables; none where no command is set.

    Raises:
        LoginError: it failed, took longer than a minute, or printed something else.
    """
    command = os.environ.get(VARIABLE, "").strip()
    return _logged_in(command) if command else ()


def forget() -> None:
    """Log in anew the next time."""
    _logged_in.cache_clear()


@cache
def _logged_in(command: str) -> tuple[str, ...]:
    found = dict(_pair(number, line) for number, line in enumerate(_printed(command), 1))
    if not found:
        raise LoginError(f"{VARIABLE}: the command printed no variable; it prints NAME=VALUE lines")
    os.environ.update(found)
    secrets.forget()
    return tuple(found)


def _pair(number: int, line: str) -> tuple[str, str]:
    match = _LINE.fullmatch(line)
    if match is None:  # it may be a secret: its number says which
        raise LoginError(
            f"{VARIABLE}: line {number} of what the command printed is not NAME=VALUE; let it "
            "print its messages on standard error"
        )
    return match[1], match[2]


def _printed(command: str) -> list[str]:
    try:
        words = shlex.split(command)
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except ValueError as error:
        raise LoginError(f"{VARIABLE} is not a command: {error}") from None
    except OSError as error:
        raise LoginError(f"{VARIABLE}: cannot run {words[0]}: {error.strerror}") from None
    with ended(process):
        try:
            out, errors = process.communicate(timeout=_DEADLINE)
        except subprocess.TimeoutExpired:
            raise LoginError(
                f"{VARIABLE}: the command did not end within {_DEADLINE:g} s"
            ) from None
    if process.returncode:
        last = errors.decode(errors="replace").strip().rpartition("\n")[2]
        said = brief(secrets.hidden(last), _SAID) or "it says nothing"
        raise LoginError(f"{VARIABLE}: the command failed ({process.returncode}): {said}")
    lines = out.decode(errors="replace").split("\n")
    return [line.removesuffix("\r") for line in lines if line.strip()]
