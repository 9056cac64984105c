"""The one place that exits: what an error says, and to whom."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.hostile.runner import executed

if TYPE_CHECKING:
    from tests.team import Team


def raising(error: Exception) -> object:
    """A function with a bug."""

    def load(*_: object) -> NoReturn:
        raise error

    return load


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (KeyError("x-password-x"), "KeyError"),
        (RecursionError("too deep"), "RecursionError"),
        (MemoryError(), "MemoryError"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"), "UnicodeEncodeError"),
    ],
)
def test_a_bug_is_one_line(
    error: Exception, name: str, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the exception and how to see its traceback; neither holds a secret."""
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "x-password-x")
    monkeypatch.setattr("mlgitops.cli.check.load", raising(error))
    ran = team.run("validate")
    assert ran.code == 1
    (line,) = ran.err.splitlines()
    assert line.startswith(f"error: bug in mlgitops: {name} in cli/test_errors.py:")
    assert line.endswith("to see the traceback, set MLGITOPS_DEBUG=1. Please report it")
    assert "x-password-x" not in line
    monkeypatch.setenv("MLGITOPS_DEBUG", "1")
    told = team.run("validate").err
    assert "Traceback (most recent call last)" in told
    assert "x-password-x" not in told


def test_an_error_of_the_system_is_no_bug(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its line names it, and the file that it is about."""
    error = PermissionError(13, "Permission denied", "/secret/place")
    monkeypatch.setattr("mlgitops.cli.check.load", raising(error))
    ran = team.run("validate")
    assert ran.code == 1
    assert ran.err == "error: /secret/place: Permission denied\n"


def test_an_error_is_one_annotation_whatever_it_quotes(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub shows the whole error; the commands that it quotes are not executed."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    team.write('models: {"a\\n::warning::x": {}, "##[error]y": 1, "\\e[31mred\\u202e": 2}\n')
    ran = team.run("validate")
    assert ran.code == 1
    ((name, data),) = executed(f"{ran.err}{ran.out}")
    assert (name, executed(ran.out)) == ("error", [])
    assert "##[error]y" in data
    assert "\x1b" not in ran.err
    assert "\u202e" not in ran.err


def test_a_full_disk_is_an_error(team: Team, tmp_path: Path) -> None:
    """Where what is printed cannot be written, the command says so and fails."""
    team.stages(Production=1)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mlgitops", "validate"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "error: No space left on device\n"
