"""The one place that exits: what an error says, and to whom."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.hostile.runner import executed

if TYPE_CHECKING:
    from tests.team import Ran, Team


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


def test_errors_are_annotations_whatever_they_quote(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub shows each error; the commands that they quote are not executed."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    team.write('models: {"a\\n::warning::x": {}, "##[error]y": 1, "\\e[31mred\\u202e": 2}\n')
    ran = team.run("validate")
    assert ran.code == 1
    found = executed(f"{ran.err}{ran.out}")
    assert ({name for name, _ in found}, executed(ran.out)) == ({"error"}, [])
    assert len(found) == 5
    assert any("##[error]y" in data for _, data in found)
    assert "\x1b" not in ran.err
    assert "\u202e" not in ran.err


def annotated(ran: Ran) -> list[str]:
    """The annotations of a command, without the end of their text."""
    return [line for line in ran.err.splitlines() if line.startswith("::error ")]


def test_an_error_stands_at_its_line_of_the_pull_request(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the path that GitHub knows the file by; what has no line is one annotation."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(team.folder.parent))
    team.write("models:\n  wind:\n    stages: {Staging: 0, Production: -1}\n")
    file = f"{team.folder.name}/models.yaml"
    assert annotated(team.run("validate")) == [
        f"::error file={file},line=3,col={column},title=mlgitops::wind {said}"
        for column, said in (
            (14, "Staging: must be at least 1, got 0"),
            (26, "Production: must be at least 1, got -1"),
        )
    ]
    (one,) = annotated(team.run("promote", "wind"))
    assert one.startswith("::error title=mlgitops::Missing argument")


def test_more_errors_than_github_shows_are_in_the_last_annotation(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows ten of a step."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    models = "".join(f"  m{number}: {{stages: {{Staging: 0}}}}\n" for number in range(12))
    team.write(f"models:\n{models}")
    *first, last = annotated(team.run("validate"))
    assert (len(first), first[0].split(",")[1]) == (9, "line=2")
    assert last.startswith("::error title=mlgitops::models.yaml:2:")
    assert last.count("%0A") == 11


def test_sarif_has_each_problem_at_its_line(team: Team) -> None:
    """What GitHub's code scanning requires; a valid file has no results, which closes alerts."""
    team.write("models:\n  wind:\n    stages: {Staging: 0}\n")
    ran = team.run("validate", "--format", "sarif", "--file", "models.yaml")
    found = json.loads(ran.out)
    (run,) = found["runs"]
    (result,) = run["results"]
    (place,) = result["locations"]
    assert (ran.code, found["version"], run["tool"]["driver"]["name"]) == (1, "2.1.0", "mlgitops")
    assert result["message"]["text"] == "wind Staging: must be at least 1, got 0"
    assert result["ruleId"] == run["tool"]["driver"]["rules"][0]["id"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "models.yaml"},
        "region": {"startLine": 3, "startColumn": 14},
    }
    team.stages(Production=1)
    (run,) = json.loads(team.ok("validate", "--format", "sarif").out)["runs"]
    assert run["results"] == []


def test_sarif_says_how_many_problems_it_leaves_out(team: Team) -> None:
    """They stand nowhere, so it is said of the run."""
    models = "".join(f"  m{number}: {{stages: {{Staging: 0}}}}\n" for number in range(60))
    team.write(f"models:\n{models}")
    (run,) = json.loads(team.run("validate", "--format", "sarif").out)["runs"]
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "and 10 more problems; fix these first"
    assert len(run["results"]) == 50


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
