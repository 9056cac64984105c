"""What a shell is told when it completes a command line: quickly, offline, and never an error."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from textwrap import dedent
from typing import TYPE_CHECKING

import click
import pytest
from click.shell_completion import ShellComplete

from mlgitops.cli import cli
from mlgitops.cli.completion import DEPLOYMENTS, HELD, MODEL, MODELS, STAGE, TAKES, VERSION
from mlgitops.cli.verbs import VERBS

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
version: 2
stages: [Staging, {name: champion, production: true}]
models:
  wind:
    description: "Power of the \\e[31mfarm"
    versions:
      1: {train: power_forecasting}
      3: {train: power_forecasting}
    blocked: {3: bad}
    stages: {Staging: 2, champion: {version: 1, digest: "sha256:no"}}
  window: {stages: {}}
  two words: {stages: {}}
  "$(reboot)": {stages: {}}
deployments: {edge: {kind: docker, stages: []}, farm: {kind: kubernetes}}
"""


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.yaml").write_text(TEXT)


def completed(line: str) -> dict[str, str | None]:
    """What may be the last word of a command line, and what is said of it."""
    *words, last = line.split(" ")
    found = ShellComplete(cli, {}, "mlgitops", "_MLGITOPS_COMPLETE").get_completions(words, last)
    return {one.value: one.help for one in found}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("rollb", ["rollback"]),
        ("deploy ", ["edge", "farm"]),
        ("deploy edge --plan f", ["farm"]),
        ("promote win", ["wind", "window"]),
        ("promote wind ", ["Staging", "champion"]),
        ("promote wind ch", ["champion"]),
        ("promote wind champion ", ["1", "2"]),
        ("rollback --block --reason x wind champion 2", ["2"]),
        ("compare wind ", ["Staging", "champion", "1", "2"]),
        ("compare wind 1 St", ["Staging"]),
        ("compare wind 1 2 ", []),
        ("plan wind win", ["window"]),
        ("plan --format m", ["markdown"]),
        ("plan --format json --quick win", ["wind", "window"]),
        ("promote --file gone.yaml ", []),
        ("promote nothing ", ["wind", "window"]),
        ("serve wind champion ", []),
    ],
)
def test_words_that_may_come_next(line: str, expected: list[str]) -> None:
    """Names and numbers of models.yaml, without what a shell would take for more than a word."""
    assert list(completed(line)) == expected


def test_words_are_told_apart() -> None:
    """By what each verb does, and what models.yaml says; nothing steers the terminal."""
    assert completed("valid")["validate"] == VERBS["validate"].summary
    assert completed("promote w")["wind"] == "Power of the [31mfarm"
    assert completed("promote wind ") == {"Staging": "version 2", "champion": "version 1"}
    assert completed("promote wind champion ") == {
        "1": "champion, power_forecasting",
        "2": "Staging",
    }


def test_options_are_those_of_the_verb() -> None:
    """Of which the module is imported for that."""
    assert {"--block", "--reason", "--file"} <= completed("rollback --").keys()


@pytest.mark.parametrize("text", ["", "models: [", "models: {a: 1, 2: [], b: {stages: 3}}", "[]"])
def test_a_file_that_is_broken_completes_what_it_can(text: str, tmp_path: Path) -> None:
    """There is no error, whatever the file is."""
    (tmp_path / "models.yaml").write_text(text)
    for line in ("plan ", "promote b ", "promote a ", "promote 2 Staging ", "promote b Staging "):
        assert isinstance(completed(line), dict)


def test_no_verb_is_imported_for_its_arguments() -> None:
    """Nor what it needs: that would take longer than a person waits."""
    script = dedent(
        """
        import sys
        from click.shell_completion import ShellComplete
        from mlgitops.cli import cli
        comp = ShellComplete(cli, {}, "mlgitops", "_MLGITOPS_COMPLETE")
        assert comp.get_completions(["promote", "wind", "champion"], "")
        heavy = {"pydantic", "requests", "mlflow", "numpy", "rich", "jinja2", "mlgitops.cli.check"}
        sys.exit(", ".join(heavy & sys.modules.keys()) or 0)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


KINDS = {
    "arguments": MODEL,
    "models": MODELS,
    "names": DEPLOYMENTS,
    "model": MODEL,
    "stage": STAGE,
    "version": VERSION,
    "old": HELD,
}


def test_every_verb_that_takes_a_model_completes_it() -> None:
    """In the places that its arguments have."""
    for name, verb in VERBS.items():
        command = getattr(import_module(f"mlgitops.cli.{verb.module}"), verb.command)
        arguments = [p.name or "" for p in command.params if isinstance(p, click.Argument)]
        first = KINDS.get(arguments[0]) if arguments else None
        assert (first in (MODEL, MODELS, DEPLOYMENTS)) == (name in TAKES), name
        if first and arguments != ["arguments"]:  # which are one for click, and checked by the verb
            takes = TAKES[name]
            told = [KINDS.get(argument) for argument in arguments][: len(takes)]
            assert len(takes) == len(told), name
            assert all(t in (HELD, f) for t, f in zip(takes, told, strict=True)), name
