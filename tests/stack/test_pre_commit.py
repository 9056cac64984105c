"""The hook of `.pre-commit-hooks.yaml`, by pre-commit itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import uv

from tests.wheels import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.no_docker, pytest.mark.timeout(600)]
PRE_COMMIT = (uv.find_uv_bin(), "tool", "run", "--from", "pre-commit==4.7.0", "pre-commit")
IGNORED = shutil.ignore_patterns(".git", ".nox", ".mlgitops", ".*_cache", "__pycache__", "tests")
VALID = "models:\n  wind:\n    stages: {Production: 1}\n"


def test_a_commit_of_an_invalid_file_is_stopped(tmp_path: Path) -> None:
    """As docs/editors.md sets it up; a commit of other files does not wait for it."""
    engine, team = tmp_path / "engine", tmp_path / "team"
    shutil.copytree(ROOT, engine, ignore=IGNORED)
    team.mkdir()
    environment = {
        **os.environ,
        **{f"GIT_{role}_NAME": "ada" for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": "ada@example.org" for role in ("AUTHOR", "COMMITTER")},
        "PRE_COMMIT_HOME": str(tmp_path / "home"),
        "PYTHONPATH": "",
    }

    def run(folder: Path, *command: str, code: int = 0) -> str:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def commit(name: str, text: str, *, code: int = 0) -> str:
        (team / name).write_text(text)
        run(team, "git", "add", "--all")
        return run(team, "git", "commit", "--message", f"Edit {name}", code=code)

    for folder in (engine, team):
        run(folder, "git", "init", "--quiet")
    run(engine, "git", "add", "--all")
    run(engine, "git", "commit", "--quiet", "--message", "Engine")
    page = (ROOT / "docs/editors.md").read_text()
    (config,) = re.findall(r"```yaml\n(repos:\n.+?)```", page, re.DOTALL)
    config = config.replace("https://github.com/OWNER/mlgitops", str(engine))
    config = config.replace("COMMIT", run(engine, "git", "rev-parse", "HEAD").strip())
    (team / ".pre-commit-config.yaml").write_text(config)
    run(team, *PRE_COMMIT, "install")

    told = commit("models.yaml", VALID.replace("1", "one"), code=1)
    assert "mlgitops validate" in told
    assert "models.yaml:3:" in told
    assert "Passed" in commit("models.yaml", VALID)
    assert "(no files to check)Skipped" in commit("README.md", "Our models\n")
