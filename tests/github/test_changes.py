"""What a run decides by, and what it reads of a pull request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.history.test_stays import commit, git

if TYPE_CHECKING:
    from tests.github import fake
    from tests.team import Team

FILE = """\
version: 2
models:
  wind:
    evaluation: {data: rows/holdout.csv, target: power}
    gates: {Production: [{python: "checks.wind:is_calm"}]}
    stages: {Production: NUMBER}
"""


@pytest.fixture
def base(job: Team) -> str:
    """A commit of a repository with models, recipes, gates and a tool."""
    for name in (
        "training/wind.py",
        "checks/wind.py",
        "tool/main.py",
        "rows/holdout.csv",
        "README.md",
    ):
        (job.folder / name).parent.mkdir(exist_ok=True)
        (job.folder / name).write_text("")
    job.write(FILE.replace("NUMBER", "1"))
    git(job, "init", "--quiet")
    git(job, "add", "--all")
    return commit(job, "Start", day=1)


def decided(job: Team, monkeypatch: pytest.MonkeyPatch, event: dict[str, Any]) -> set[str]:
    """What a job is told that has changed, by the outputs of its step."""
    (job.folder / "event.json").write_text(json.dumps(event))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(job.folder / "event.json"))
    output = job.folder / "GITHUB_OUTPUT"
    output.unlink(missing_ok=True)
    job.ok("github", "changes")
    lines = output.read_text().splitlines()
    told = dict(zip((n.partition("<<")[0] for n in lines[::3]), lines[1::3], strict=True))
    assert told.keys() == {"models", "code", "other"}
    assert set(told.values()) <= {"true", "false"}
    return {name for name, value in told.items() if value == "true"}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ("models.yaml", {"models"}),
        ("models.yaml: a recipe", {"models", "code"}),
        ("training/wind.py", {"models", "code", "other"}),
        ("checks/new.py", {"models", "code", "other"}),
        ("rows/holdout.csv", {"models", "code", "other"}),
        ("rows/other.csv", {"other"}),
        ("tool/main.py", {"other"}),
        ("README.md", {"other"}),
    ],
)
def test_a_job_decides_whether_models_are_concerned(
    job: Team, base: str, changed: str, told: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the files between the base and the checkout, on each event that has a base."""
    name, _, recipe = changed.partition(": ")
    text = FILE.replace("NUMBER", "2") + ("    versions: {1: {train: wind}}\n" if recipe else "")
    (job.folder / name).write_text(text if name == "models.yaml" else "new")
    git(job, "add", "--all")
    commit(job, "Edit", day=2)
    for event in (
        {"pull_request": {"number": 12, "base": {"sha": base}}},
        {"merge_group": {"base_sha": base}},
        {"before": base, "after": "x"},
    ):
        assert decided(job, monkeypatch, event) == told


def test_what_was_moved_or_cannot_be_told_has_changed(
    job: Team, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recipe that moved away, a base that is not here, no base, and a broken file."""
    git(job, "mv", "training/wind.py", "tool/wind.py")
    commit(job, "Move", day=2)
    everything = {"models", "code", "other"}
    assert decided(job, monkeypatch, {"before": base}) == everything
    for unknown in ({"before": "0" * 40}, {"before": "1" * 40}, {}):
        assert decided(job, monkeypatch, unknown) == everything
    job.file.write_text("models: [")
    assert decided(job, monkeypatch, {"before": base}) == everything


def test_what_a_pull_request_proposes_is_data(
    job: Team, base: str, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of the run's commit lies in the checkout of the base; what cannot be had stays."""
    monkeypatch.setenv("GITHUB_SHA", "f" * 40)
    hub.blobs[f"models.yaml?{'f' * 40}"] = text = FILE.replace("NUMBER", "2") + "# ü\n"
    job.ok("github", "proposed")
    assert job.file.read_text() == text
    assert git(job, "rev-parse", "HEAD") == base
    hub.denied.append("GET /contents/.*")
    assert job.run("github", "proposed").code == 1
    assert job.file.read_text() == text
