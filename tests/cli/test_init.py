"""`mlgitops init`: a repository of a team's own, in an empty folder or in one with files."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mlgitops.scaffold import kept, lock, render
from mlgitops.scaffold.answers import Answers, GitHub

if TYPE_CHECKING:
    from pathlib import Path

    from tests.team import Ran, Team

ENGINE = "mlgitops[all]==9.8.7"
LOCKED = "mlgitops==9.8.7 --hash=sha256:00\n"


@pytest.fixture
def farm(team: Team) -> Path:
    """An empty folder but for a lock of the engine, which init keeps: nothing is resolved."""
    folder = team.folder / "farm"
    (folder / lock.INPUT).parent.mkdir(parents=True)
    (folder / lock.INPUT).write_text(f"{ENGINE}\n")
    (folder / lock.LOCK).write_text(LOCKED)
    return folder


def init(team: Team, *arguments: str, code: int = 0) -> Ran:
    """Run init for the folder `farm`."""
    ran = team.run("init", "farm", "--engine", ENGINE, *arguments)
    assert ran.code == code, ran.err
    return ran


def files_in(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_init_makes_a_repository_that_validates(team: Team, farm: Path) -> None:
    """models.yaml, a recipe, workflows, owners, lock and a page; no engine, no nox, no stack."""
    ran = init(team, "--github", "server")
    made = files_in(farm)
    expected = set(render.team(Answers(github=GitHub.SERVER))) | {lock.INPUT, lock.LOCK}
    assert {name for name in made if not name.startswith(kept.FOLDER)} == expected
    assert expected >= {"models.yaml", "training/example.py", "README.md", ".gitignore"}
    assert expected >= {".github/CODEOWNERS", ".github/workflows/plan.yml"}
    assert "noxfile" not in b"".join(made.values()).decode()
    assert len(made["README.md"].splitlines()) < 60
    assert "wrote" in ran.out
    saved = kept.read(farm)
    assert saved is not None
    assert saved.answers.github is GitHub.SERVER
    assert ".github/workflows/plan.yml" in saved.files
    assert "models.yaml" not in saved.files
    team.ok("validate", "--file", str(farm / "models.yaml"))


def test_a_second_init_changes_nothing(team: Team, farm: Path) -> None:
    """What is there already is left as it is, to the byte."""
    init(team)
    before = files_in(farm)
    ran = init(team)
    assert files_in(farm) == before
    assert "wrote 0 files" in ran.out
    assert "left as it is" not in ran.out


def test_init_shows_what_it_would_overwrite_and_does_not(team: Team, farm: Path) -> None:
    """Others' files stay, unless --force names them; what is new is written all the same."""
    theirs = {"README.md": "# Farm\n", "models.yaml": "models: {}\n", ".gitignore": "*.csv"}
    for name, text in theirs.items():
        (farm / name).write_text(text)
    ran = init(team, "--force", "models.yaml")
    for line in ("-# Farm", "+# Our models", "-models: {}", "+/.mlgitops/"):
        assert line in ran.out.splitlines()
    assert "left as it is: README.md; to overwrite it: mlgitops init --force README.md" in ran.out
    assert (farm / "README.md").read_text() == "# Farm\n"
    assert (farm / ".gitignore").read_text() == "*.csv"
    assert "example-model" in (farm / "models.yaml").read_text()
    assert (farm / ".github/workflows/apply.yml").is_file()
    saved = kept.read(farm)
    assert saved is not None
    assert ".gitignore" not in saved.files  # it was not made from the template
    init(team, "--force", ".gitignore")
    assert (farm / ".gitignore").read_text().startswith("*.csv\n/.mlgitops/\n")


@pytest.mark.parametrize(
    ("obstacle", "said"),
    [
        (".github", "is no folder; move it away"),
        (".github/mlgitops", "is no folder; move it away"),
        ("README.md/", "it is no file; move it away"),
        ("training/example.py", "it is not UTF-8; move it away"),
    ],
)
def test_everything_is_checked_before_anything_is_written(
    team: Team, farm: Path, obstacle: str, said: str
) -> None:
    """One file that cannot be written is an error, and no other is there afterwards."""
    path = farm / obstacle
    path.parent.mkdir(exist_ok=True)
    if obstacle.endswith("/"):
        path.mkdir()
    else:
        path.write_bytes(b"\xff")
    before = files_in(farm)
    assert said in init(team, code=1).err
    assert files_in(farm) == before


def test_force_names_a_file_of_init(team: Team, farm: Path) -> None:
    """A misspelled name is told, with those that there are."""
    ran = init(team, "--force", "Readme.md", code=64)
    assert "--force Readme.md: init writes" in ran.err
    assert not (farm / "README.md").exists()


def test_init_imports_the_registry_that_it_is_given(team: Team, farm: Path) -> None:
    """models.yaml says what the stages hold; the first plan there is empty."""
    team.versions(2)
    team.client.set_registered_model_alias("wind", "production", "2")
    uri = f"sqlite:///{team.folder}/.mlgitops/mlflow.db"
    ran = init(team, "--registry", uri)
    assert "wind" in (farm / "models.yaml").read_text()
    assert f"next: MLFLOW_TRACKING_URI={uri} mlgitops plan" in ran.out
    there = ("--registry", uri, "--file", str(farm / "models.yaml"))
    assert team.run("plan", "--exit-code", *there).code == 0


def test_an_engine_without_a_hash_cannot_be_locked(team: Team) -> None:
    """A checkout of the engine is none; the message says what is, and nothing is written."""
    ran = team.run("init", "farm")
    assert ran.code == 1
    assert "has no hash to lock" in ran.err
    assert "--engine" in ran.err
    assert not (team.folder / "farm").exists()


def test_workflows_are_those_that_this_edition_offers(team: Team, farm: Path) -> None:
    """On Free, the page says what must not be kept there."""
    init(team, "--github", "free")
    assert "Keep no login there that can write" in (farm / "README.md").read_text()


def test_init_asks_on_a_terminal(team: Team, farm: Path) -> None:
    """Whoever says yes has seen the difference, and their file is overwritten."""
    init(team)
    (farm / "README.md").write_text("ours\n")
    ours, theirs = os.openpty()
    os.write(ours, b"y\n")
    done = subprocess.run(
        [sys.executable, "-m", "mlgitops", "init", str(farm), "--engine", ENGINE],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    said = os.read(ours, 2**16).decode()
    assert done.returncode == 0, done.stderr
    assert "-ours" in said
    assert b"Overwrite README.md? [y/N]" in done.stderr
    assert (farm / "README.md").read_text().startswith("# Our models")
