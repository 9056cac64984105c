"""MLGITOPS_LOGIN: a command that prints the variables of a login."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import LoginError
from mlgitops.system import login, secrets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.team import Team

TOKEN = "short-lived-token"


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test is a process that has not logged in yet, and leaves no variable behind."""
    for name in ("MLFLOW_TRACKING_TOKEN", "A_NAME"):
        monkeypatch.setenv(name, "")
    login.forget()
    yield
    login.forget()
    secrets.forget()


def by(monkeypatch: pytest.MonkeyPatch, script: str, *arguments: str) -> None:
    """Let a shell script log in."""
    monkeypatch.setenv("MLGITOPS_LOGIN", shlex.join(["sh", "-c", script, "login", *arguments]))


def test_its_variables_are_set_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command runs once in a process; values may hold `=`, quotes and spaces."""
    count = tmp_path / "count"
    script = 'echo run >> "$1"; echo MLFLOW_TRACKING_TOKEN=a=b; echo; echo "A_NAME= \'x\' y"'
    by(monkeypatch, script, str(count))
    assert login.log_in() == login.log_in() == ("MLFLOW_TRACKING_TOKEN", "A_NAME")
    assert os.environ["MLFLOW_TRACKING_TOKEN"] == "a=b"
    assert os.environ["A_NAME"] == " 'x' y"
    assert count.read_text() == "run\n"


def test_nothing_is_run_where_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that a workflow leaves empty is no command."""
    monkeypatch.setenv("MLGITOPS_LOGIN", "")
    assert login.log_in() == ()


def test_its_secrets_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it prints is as secret as if the variable had been set before."""
    assert secrets.hidden(TOKEN) == TOKEN
    by(monkeypatch, f"echo MLFLOW_TRACKING_TOKEN={TOKEN}")
    login.log_in()
    assert secrets.hidden(f"it said {TOKEN}") == "it said ***"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo why >&2; echo last >&2; exit 3", "the command failed (3): last"),
        ("exit 1", "the command failed (1): it says nothing"),
        (f'echo "no: $TOKEN" >&2; exit 1 # {TOKEN}', "the command failed (1): no: ***"),
        ("true", "the command printed no variable"),
        (f"echo A_NAME=1; echo {TOKEN}", "line 2 of what the command printed is not NAME=VALUE"),
    ],
)
def test_failures(monkeypatch: pytest.MonkeyPatch, script: str, said: str) -> None:
    """Each is one line that says what to do, sets no variable, and shows no secret."""
    monkeypatch.setenv("TOKEN", TOKEN)
    secrets.forget()
    by(monkeypatch, script)
    with pytest.raises(LoginError) as caught:
        login.log_in()
    assert f"MLGITOPS_LOGIN: {said}" in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.environ["A_NAME"] == ""


def test_what_is_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unclosed quote, and a command that is not there."""
    for command, said in (("a 'b", "is not a command"), ("/no/such", "cannot run /no/such: No")):
        monkeypatch.setenv("MLGITOPS_LOGIN", command)
        with pytest.raises(LoginError, match=said):
            login.log_in()


def test_a_command_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended with what it started, which would keep its output open, and said so."""
    monkeypatch.setattr(login, "_DEADLINE", 0.2)
    by(monkeypatch, "sleep 600 & wait")
    with pytest.raises(LoginError, match=r"did not end within 0\.2 s"):
        login.log_in()


def test_a_verb_logs_in_before_it_opens_the_registry(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of the registry may come from the login too; a failure is one line, exit 1."""
    team.versions(1)
    team.stages(Production=1)
    script = f"print('MLFLOW_TRACKING_URI={team.uri}')"
    monkeypatch.setenv("MLGITOPS_LOGIN", shlex.join([sys.executable, "-c", script]))
    assert "embedded" not in team.ok("plan", "--quick").err
    login.forget()
    monkeypatch.setenv("MLGITOPS_LOGIN", "false")
    ran = team.run("plan")
    assert (ran.code, ran.err) == (
        1,
        "error: MLGITOPS_LOGIN: the command failed (1): it says nothing\n",
    )
