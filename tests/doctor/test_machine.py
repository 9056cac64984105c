"""`mlgitops doctor` on this machine and its file, where no network is asked."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tests.history.test_stays import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.team import Team


def verdicts(team: Team, *areas: str) -> dict[str, tuple[str, str, str]]:
    """Verdict, finding and remedy of each check."""
    document = team.run("doctor", *areas, "--format", "json").document
    return {f["check"]: (f["verdict"], f["found"], f["remedy"]) for f in document["findings"]}


def test_a_machine_that_has_everything(team: Team) -> None:
    """It passes, exit 0; Docker may be missing where no image is made."""
    ran = team.run("doctor", "machine")
    assert ran.code == 0
    assert "engine" in ran.out
    assert "0 failed" in ran.out


def test_a_shallow_clone(team: Team) -> None:
    """Who put what where is in the history, which a shallow clone does not have."""
    for number in (1, 2):
        team.stages(Production=number)
        commit(team, f"Promote {number}", day=number)
    git(team, "clone", "--quiet", "--depth", "1", team.folder.as_uri(), "clone")
    file = str(team.folder / "clone" / "models.yaml")
    verdict, _, remedy = verdicts(team, "machine", "--file", file)["git"]
    assert (verdict, remedy) == ("failed", "clone the whole history: `fetch-depth: 0`")


def test_no_git_and_no_docker(team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are said to be missing, with what to install."""
    empty = tmp_path / "bin"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    found = verdicts(team, "machine", "docker")
    assert found["git"][0] == found["Docker"][0] == "failed"
    assert found["git"][2] == "install git 2.30 or later"
    assert "install Docker Engine 25" in found["Docker"][1]


def test_a_full_disk(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than an image takes is a failure."""
    usage = shutil.disk_usage(team.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2**30))
    found = verdicts(team, "machine")
    (disk,) = (one for name, one in found.items() if name.startswith("disk"))
    assert disk == ("failed", "1.0 GiB free", "free 2 GiB for models and images")


def test_the_file(team: Team) -> None:
    """Valid, invalid with its first problem, or not there."""
    assert verdicts(team, "file")["models.yaml"][0] == "failed"
    team.stages(Production=1, Staging=2)
    found = verdicts(team, "file")
    assert found["models.yaml"][:2] == ("passed", "1 model, 2 stages")
    assert found["owner"][:2] == ("passed", "local")
    team.write("models: {wind: {stages: {Production: one, Staging: two}}}")
    verdict, text, remedy = verdicts(team, "file")["models.yaml"]
    assert (verdict, remedy) == ("failed", "`mlgitops validate` lists all problems")
    assert text.startswith("models.yaml:1:")
    assert text.endswith("and 1 more problem")


def test_the_registry_that_is_not_made_yet(team: Team) -> None:
    """Looking at an embedded registry does not make one."""
    found = verdicts(team, "registry", "--state", "elsewhere")
    assert found["reachable"][0] == "not checkable from here"
    assert not os.path.lexists(team.folder / "elsewhere")
