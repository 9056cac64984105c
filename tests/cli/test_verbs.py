"""The verbs are listed without importing them, and the list is true."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

import mlgitops.cli
from mlgitops.cli.verbs import VERBS, Verb
from tests.answering import answering

if TYPE_CHECKING:
    from pathlib import Path

WIDE = 200  # columns; no summary is as long


def is_group(verb: Verb) -> bool:
    """Whether it has verbs of its own."""
    return isinstance(verb.load(), click.Group)


def test_the_list_is_what_the_verbs_say() -> None:
    """Each has its own name, in the list and in the command, and the summary of its help."""
    for name, verb in VERBS.items():
        command = verb.load()
        assert command.name == name
        assert command.get_short_help_str(WIDE) == verb.summary


def test_every_command_is_in_the_list() -> None:
    """A verb that somebody writes and forgets to list would not exist."""
    found = {
        id(command): command
        for module in pkgutil.iter_modules(mlgitops.cli.__path__, "mlgitops.cli.")
        for command in vars(import_module(module.name)).values()
        if isinstance(command, click.Command) and command is not mlgitops.cli.cli
    }
    inside = [
        part
        for command in found.values()
        if isinstance(command, click.Group)
        for part in command.commands.values()
    ]
    verbs = [command for command in found.values() if command not in inside]
    assert sorted(str(verb.name) for verb in verbs) == sorted(VERBS)


@pytest.mark.parametrize("group", ["", *(n for n, v in VERBS.items() if is_group(v))])
def test_no_summary_is_cut_at_80_columns(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into a line goes on in the next one."""
    monkeypatch.setenv("COLUMNS", "80")
    text = CliRunner().invoke(mlgitops.cli.cli, [*filter(None, [group]), "--help"]).output
    listed = text.partition("Commands:\n")[2]
    assert listed
    assert "..." not in listed


SLOW = {"mlflow", "pandas", "numpy", "sklearn", "requests", "rich", "jinja2", "packaging"}
HISTORY = (
    ("init", "--quiet"),
    ("remote", "add", "origin", "https://git.example.org/wind/models"),
    ("add", "."),
    ("commit", "--quiet", "--message=Start"),
)


def nothing(path: str) -> tuple[int, str, str]:
    """What a registry answers that is empty."""
    if "/search" in path:
        return 200, "application/json", "{}"
    return 404, "application/json", '{"error_code": "RESOURCE_DOES_NOT_EXIST"}'


@pytest.mark.parametrize(
    ("lines", "unused"),
    [
        (["--help", "--version", "nonsense"], SLOW | {"pydantic", "yaml"}),
        (["history --offline", "history --offline --format markdown"], SLOW | {"pydantic"}),
        (["validate", "promote wind Production 2", "rollback wind Production 3"], SLOW),
        (["plan", "status"], SLOW - {"requests"}),
    ],
    ids=["nothing", "history", "the file", "the registry"],
)
def test_a_verb_imports_what_it_uses(tmp_path: Path, lines: list[str], unused: set[str]) -> None:
    """Into a pipe, with nothing to do; each of these packages takes as long as such a verb."""
    (tmp_path / "models.yaml").write_text("models: {wind: {stages: {Production: null}}}\n")
    who = ["-c", "user.name=ada", "-c", "user.email=ada@localhost"]
    for command in HISTORY:
        subprocess.run(["git", *who, *command], cwd=tmp_path, check=True)
    with answering(nothing) as url:
        code = (
            "import sys; from mlgitops.cli import run\n"
            f"for line in {lines!r}:\n"
            f"    print('ran', run(line.split()), *sorted({unused!r} & sys.modules.keys()), line,"
            " file=sys.stderr)"
        )
        ran = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "MLFLOW_TRACKING_URI": url, "FORCE_COLOR": ""},
            capture_output=True,
            text=True,
            check=True,
        )
    assert [line for line in ran.stderr.splitlines() if line.startswith("ran ")] == [
        f"ran {64 if line == 'nonsense' else 0} {line}" for line in lines
    ]
