"""`mlgitops upgrade` brings a repository to newer templates and keeps what the team made of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from mlgitops import __version__
from mlgitops.cli import run
from mlgitops.scaffold import kept, render
from mlgitops.scaffold.answers import Answers
from mlgitops.system import git
from tests.system.test_git import WHO
from tests.team import Ran

if TYPE_CHECKING:
    from pathlib import Path

PLAN, DRIFT, APPLY = (f".github/workflows/{name}.yml" for name in ("plan", "drift", "apply"))
GONE = ".github/workflows/audit.yml"
NEW = {p: text for p, text in render.team(Answers()).items() if render.is_maintained(p)}


PIN = re.compile(r"(?<=actions/checkout@)\w{40} # v[\d.]+")
OLDER, NEWER = f"{'1' * 40} # v1.0.0", f"{'2' * 40} # v99.0.0"


def older(text: str) -> str:
    """A workflow as an older template made it: more minutes, an older action, another last line."""
    longer = text.replace("timeout-minutes: ", "timeout-minutes: 1")
    return f"{PIN.sub(OLDER, longer)}# the end\n"


OLD = {path: older(text) for path, text in NEW.items() if path != DRIFT} | {GONE: "on: push\n"}


class Repository:
    """A team's repository, made by an older version."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        git.run(folder, "init", "--quiet")
        for path, text in OLD.items():
            self.write(path, text)
        kept.write(folder, kept.Kept(version="0.1.0", answers=Answers(), files=OLD))
        self.write("requirements/mlgitops.txt", "mlgitops[all]==0.1.0 --hash=sha256:00\n")
        self.write("models.yaml", "# ours\nmodels: {wind: {stages: {production: 1}}}\n")
        self.commit()

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8", newline="")

    def read(self, path: str) -> str:
        """What a file holds."""
        return (self.folder / path).read_bytes().decode()

    def edit(self, path: str, before: str, after: str) -> None:
        """Change one place of a file."""
        text = self.read(path)
        assert before in text
        self.write(path, text.replace(before, after, 1))

    def commit(self) -> None:
        """Commit all."""
        git.run(self.folder, "add", "--all")
        git.run(self.folder, "commit", "--quiet", "--message", "Edit", environment=WHO)

    def files(self) -> dict[str, str]:
        """All files."""
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        names = (path.relative_to(self.folder).as_posix() for path in paths)
        return {name: self.read(name) for name in names if not name.startswith(".git/")}

    def run(self, *arguments: str) -> Ran:
        """Run `mlgitops` here."""
        self._capsys.readouterr()
        code = run(list(arguments))
        printed = self._capsys.readouterr()
        return Ran(code=code, out=printed.out, err=printed.err)


@pytest.fixture
def repository(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Repository:
    """A team's repository, made by an older version; the current folder."""
    monkeypatch.chdir(tmp_path)
    return Repository(tmp_path, capsys)


def test_what_the_team_left_alone_becomes_what_init_makes_now(repository: Repository) -> None:
    """Files come, change and go; models.yaml gets form 2; a second run changes nothing."""
    ran = repository.run("upgrade")
    assert ran.code == 0, ran.err
    assert f"added     {DRIFT}\n" in ran.out
    assert f"removed   {GONE}\n" in ran.out
    assert "updated   models.yaml (form 1 → 2)\n" in ran.out
    assert f"upgraded to mlgitops {__version__}; look at `git diff`, and commit\n" in ran.out
    assert "warning: requirements/mlgitops.txt has mlgitops 0.1.0, and the workflows are" in ran.err
    now = repository.files()
    assert {path: now[path] for path in NEW} == NEW
    assert GONE not in now
    assert now["models.yaml"] == (
        "# ours\nversion: 2\nstages: [Staging, Production]\n"
        "models: {wind: {stages: {Production: 1}}}\n"
    )
    made = kept.read(repository.folder)
    assert made == kept.Kept(version=__version__, answers=Answers(), files=NEW)

    assert repository.run("upgrade").out == f"nothing to upgrade to mlgitops {__version__}\n"
    assert repository.files() == now


def test_edits_and_deletions_of_the_team_stay(repository: Repository) -> None:
    """Edits are merged, also beside moved actions; what is deleted or its own stays so."""
    repository.edit(PLAN, "name: Plan\n", "name: Our plan\n")
    repository.edit(PLAN, OLDER, NEWER)  # by Dependabot
    repository.edit(GONE, "push", "pull_request")
    repository.write(DRIFT, "on: schedule\n")
    (repository.folder / APPLY).unlink()
    repository.commit()

    ran = repository.run("upgrade")

    assert ran.code == 0, ran.err
    assert f"merged    {PLAN} (with your changes)\n" in ran.out
    assert f"left out  {APPLY} (you deleted it)\n" in ran.out
    assert f"kept      {GONE} (it is yours)\n" in ran.out
    assert f"kept      {DRIFT} (it is yours)\n" in ran.out
    moved = PIN.sub(NEWER, NEW[PLAN])
    assert repository.read(PLAN) == moved.replace("name: Plan\n", "name: Our plan\n", 1)
    assert not (repository.folder / APPLY).exists()
    assert repository.read(GONE) == "on: pull_request\n"
    assert repository.read(DRIFT) == "on: schedule\n"
    repository.commit()
    assert repository.run("upgrade").out == f"nothing to upgrade to mlgitops {__version__}\n"
    assert repository.run("validate").err.count("mlgitops upgrade") == 0


def test_init_does_not_forget_what_files_came_from(repository: Repository) -> None:
    """Run once more, it leaves what differs as it is; an upgrade merges that as before."""
    requirement = "mlgitops[all]==0.1.0"
    repository.write("requirements/mlgitops.in", f"{requirement}\n")
    repository.edit(PLAN, "name: Plan\n", "name: Our plan\n")
    assert repository.run("init", "--engine", requirement).code == 0
    repository.commit()
    assert repository.run("upgrade").code == 0
    assert repository.read(PLAN) == NEW[PLAN].replace("name: Plan\n", "name: Our plan\n", 1)


def test_what_the_team_did_already_is_not_told(repository: Repository) -> None:
    """A file that has what the template has now, or newer actions, stays as it is to the byte."""
    done = {path: PIN.sub(NEWER, NEW[path]) for path in (PLAN, APPLY)}
    for path, text in done.items():
        repository.write(path, text)
    repository.commit()
    ran = repository.run("upgrade")
    assert ran.code == 0
    assert not [path for path in done if path in ran.out]
    assert {path: repository.read(path) for path in done} == done


def test_conflicts_are_shown_as_git_does(repository: Repository) -> None:
    """The file has both sides and what they began with; the exit code says that work is left."""
    repository.edit(PLAN, "# the end\n", "# our end\n")
    repository.commit()

    ran = repository.run("upgrade")

    assert ran.code == 1
    assert f"conflict  {PLAN}\n" in ran.out
    assert f"error: 1 file with conflicts: {PLAN}; resolve them" in ran.err
    assert repository.read(PLAN) == (
        f"{NEW[PLAN]}<<<<<<< yours\n# our end\n||||||| mlgitops 0.1.0\n# the end\n=======\n"
        f">>>>>>> mlgitops {__version__}\n"
    )
    assert repository.read(APPLY) == NEW[APPLY]

    repository.write(PLAN, f"{NEW[PLAN]}# our end\n")
    repository.commit()
    assert repository.run("upgrade").out == f"nothing to upgrade to mlgitops {__version__}\n"


def test_line_ends_stay(repository: Repository) -> None:
    """A checkout of Windows is merged like any other."""
    repository.write(
        PLAN, OLD[PLAN].replace("name: Plan\n", "name: Ours\n", 1).replace("\n", "\r\n")
    )
    repository.commit()
    assert repository.run("upgrade").code == 0
    expected = NEW[PLAN].replace("name: Plan\n", "name: Ours\n", 1).replace("\n", "\r\n")
    assert repository.read(PLAN) == expected


@pytest.mark.parametrize("path", [PLAN, "models.yaml", ".github/mlgitops/answers.yaml"])
def test_what_is_not_committed_is_not_overwritten(repository: Repository, path: str) -> None:
    """Nothing at all is written, unless by consent; files that it leaves alone do not matter."""
    repository.write("README.md", "new\n")
    repository.edit(path, "\n", "\n# not committed\n")
    before = repository.files()
    ran = repository.run("upgrade")
    assert ran.code == 1
    assert f"{path}: not committed, and would be changed; commit first, or pass --force" in ran.err
    assert repository.files() == before
    assert repository.run("upgrade", "--force").code == 0


def test_check_writes_nothing(repository: Repository) -> None:
    """It tells what would be done and fails; `validate` warns of it."""
    before = repository.files()
    ran = repository.run("upgrade", "--check")
    assert ran.code == 1
    assert f"updated   {PLAN}\n" in ran.out
    assert f"there is something to upgrade to mlgitops {__version__}" in ran.err
    ran = repository.run("validate")
    assert ran.code == 0
    assert (
        f"warning: the workflows are those of mlgitops 0.1.0, and this is {__version__}; "
        "run `mlgitops upgrade`\n"
    ) in ran.err
    assert repository.files() == before


def test_a_newer_mlgitops_is_not_undone(repository: Repository) -> None:
    """An older version changes nothing; `validate` says what is wrong, and checks the file."""
    kept.write(repository.folder, kept.Kept(version="99.0.0", answers=Answers(), files=OLD))
    repository.commit()
    said = f"made by mlgitops 99.0.0, and this is {__version__}; install mlgitops 99.0.0 or later"
    ran = repository.run("upgrade")
    assert (ran.code, said in ran.err) == (1, True)
    ran = repository.run("validate")
    assert (ran.code, said in ran.err) == (0, True)


@pytest.mark.parametrize("linked", [True, False])
def test_nothing_outside_of_the_repository_is_touched(repository: Repository, linked: bool) -> None:
    """Neither through a link nor by a name that somebody wrote into what is kept."""
    outside = repository.folder.parent / f"{repository.folder.name}-outside"
    outside.write_text(OLD[PLAN], encoding="utf-8")
    if linked:
        (repository.folder / PLAN).unlink()
        (repository.folder / PLAN).symlink_to(outside)
    else:
        repository.write(f".github/mlgitops/base/dot_./{outside.name}", OLD[PLAN])
    repository.commit()
    ran = repository.run("upgrade")
    assert ran.code == 1
    assert f"leads out of {repository.folder}; put a file in its place, or remove it" in ran.err
    assert outside.read_text(encoding="utf-8") == OLD[PLAN]


def test_a_models_yaml_that_init_did_not_make(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is brought to form 2 alone; outside of a repository by consent."""
    folder = tmp_path.parent / f"{tmp_path.name}-plain"
    folder.mkdir()
    (folder / "models.yaml").write_text("models: {}\n", encoding="utf-8")
    monkeypatch.chdir(folder)
    ran = repository.run("upgrade")
    assert ran.code == 1
    assert "is in no git repository, so nothing could be taken back" in ran.err
    assert repository.run("upgrade", "--force").code == 0
    text = (folder / "models.yaml").read_text(encoding="utf-8")
    assert text == "version: 2\nstages: [Staging, Production]\nmodels: {}\n"
    assert "`mlgitops init` did not make the other files here" in repository.run("upgrade").out
