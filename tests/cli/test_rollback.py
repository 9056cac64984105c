"""`rollback --block`: the version that is left is blocked, and no way leads back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlgitops.file.load import load
from tests.history.test_stays import commit

if TYPE_CHECKING:
    from tests.team import Team

WHY = ("--block", "--reason", "leaks the future: day's #1")


def declare(team: Team, blocked: str = "", **stages: int | None) -> None:
    """Write and commit a models.yaml of form 2."""
    listed = "".join(f"      {n}: {'null' if v is None else v}\n" for n, v in stages.items())
    team.write(f"version: 2\nmodels:\n  wind:\n    stages:\n{listed}{blocked}")
    commit(team, f"Declare {stages}", day=1)


def stages(team: Team) -> dict[str, int | None]:
    """What models.yaml declares for wind."""
    return {stage.name: stage.version for stage in load(team.file).models["wind"].stages}


def test_the_version_that_is_left_is_blocked_with_its_reason(team: Team) -> None:
    """In the file, next to what was there; and the next rollback skips it."""
    declare(team, Staging=2, Production=1)
    declare(team, Staging=2, Production=3)
    ran = team.ok("rollback", "wind", "Production", *WHY)
    assert "wind Production is back at 1; commit" in ran.out
    assert "version 3 of wind is blocked: leaks the future: day's #1" in ran.out
    text = "version: 2\nmodels:\n  wind:\n    stages:\n      Staging: 2\n      Production: 1\n"
    assert team.file.read_text() == text + "    blocked: {3: 'leaks the future: day''s #1'}\n"
    commit(team, "Roll back", day=2)
    declare(team, "    blocked: {3: bad, 4: worse}\n", Staging=2, Production=5)
    assert "is back at 1" in team.ok("rollback", "wind", "Production").out


def test_the_command_that_commits_records_the_reason(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a trailer, quoted for a shell; from another folder, too."""
    declare(team, Production=1)
    declare(team, Production=2)
    ran = team.ok("rollback", "wind", "Production", "--reason", "it's late")
    options = "-m 'Roll back wind Production' -m 'Reason: it'\"'\"'s late'"
    assert f"to record the reason: git commit {options} " in ran.out
    declare(team, Production=3)
    monkeypatch.chdir("/")
    ran = team.ok("rollback", "wind", "Production", "--reason", "late", "--file", str(team.file))
    assert f"to record the reason: git -C {team.folder} commit -m " in ran.out


def test_every_stage_that_names_it_goes_back(team: Team) -> None:
    """To what each held before; what held nothing else is left empty."""
    declare(team, Staging=1, Production=2)
    declare(team, Staging=3, Production=2)
    declare(team, Staging=3, Production=3)
    ran = team.ok("rollback", "wind", "Production", *WHY)
    assert "wind Staging is back at 1" in ran.out
    assert stages(team) == {"Staging": 1, "Production": 2}
    declare(team, Staging=None, Production=2)
    declare(team, Staging=4, Production=2)
    declare(team, Staging=4, Production=4)
    assert "wind Staging is back at 3" in team.ok("rollback", "wind", "Production", *WHY).out


def test_a_stage_that_held_no_other_version_is_left_empty(team: Team) -> None:
    """That is better than an error at night, and the line says so."""
    declare(team, Production=1)
    declare(team, Staging=2, Production=2)
    assert "wind Staging is empty" in team.ok("rollback", "wind", "Production", *WHY).out
    assert stages(team) == {"Staging": None, "Production": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--block"], "--block needs --reason TEXT"),
        (["--block", "--reason", " "], "a reason is one line of 1 to 200 characters"),
        (["--reason", "a\nb"], "a reason is one line"),
        (["--reason", "\x1b[31mred"], "a reason is one line"),
        (["--reason", "x" * 201], "a reason is one line"),
        (["1"], "version 1 of wind is blocked: bad; choose another, or remove 1 from 'blocked' at"),
        ([], "wind Production held nothing before version 2 that git knows of, but for blocked"),
    ],
)
def test_what_cannot_be_rolled_back_changes_nothing(
    team: Team, arguments: list[str], said: str
) -> None:
    """The command line is wrong, and the file is as it was."""
    declare(team, Production=1)
    declare(team, "    blocked: {1: bad}\n", Production=2)
    before = team.file.read_text()
    ran = team.run("rollback", "wind", "Production", *arguments)
    assert (ran.code, team.file.read_text()) == (64, before)
    assert said in ran.err


def test_form_1_has_no_blocked_versions(team: Team) -> None:
    """The error says what to write."""
    team.stages(Production=1)
    commit(team, "Start", day=1)
    team.stages(Production=2)
    ran = team.run("rollback", "wind", "Production", *WHY)
    assert ran.code == 1
    assert "'blocked' needs form 2; write 'version: 2' at the top of the file" in ran.err


def test_the_form_of_a_workflow_gives_reason_and_block(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As variables; what is not filled in is empty, or `false`."""
    declare(team, Production=1)
    declare(team, Production=2)
    for name, value in {"BLOCK": "false", "VERSION": ""}.items():
        monkeypatch.setenv(f"MLGITOPS_ROLLBACK_{name}", value)
    monkeypatch.setenv("MLGITOPS_REASON", "")
    team.ok("rollback", "wind", "Production")
    assert not load(team.file).models["wind"].blocked
    declare(team, Production=3)
    monkeypatch.setenv("MLGITOPS_ROLLBACK_BLOCK", "true")
    monkeypatch.setenv("MLGITOPS_REASON", "bad")
    team.ok("rollback", "wind", "Production")
    blocked = load(team.file).models["wind"].blocked
    assert {number: one.reason for number, one in blocked.items()} == {3: "bad"}
