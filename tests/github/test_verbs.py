"""The verbs that workflows run, against a server that keeps what it is sent."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlgitops.history import entries
from tests.github.fake import TOKEN
from tests.history.test_stays import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.github import fake
    from tests.team import Team


def told(job: Team, name: str) -> str:
    """What a step left for the next ones."""
    path = job.folder / name
    return path.read_text() if path.exists() else ""


def variables(job: Team, file: str = "GITHUB_ENV") -> dict[str, str]:
    """What a step set for the next ones, read as GitHub reads it."""
    found, lines = {}, iter(told(job, file).splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        value = []
        while (text := next(lines)) != end:
            value.append(text)
        found[name] = "\n".join(value)
    return found


def event(job: Team, monkeypatch: pytest.MonkeyPatch, number: int = 12) -> None:
    """Let the job run on a pull request."""
    path = job.folder / "event.json"
    path.write_text(json.dumps({"pull_request": {"number": number}}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))


def stamped(job: Team, version: int = 1) -> tuple[object, object, object]:
    """Commit, actor and pull request in the stamp of wind's Production."""
    stamp = job.tag(version, "Production") or {}
    return stamp.get("commit"), stamp.get("actor"), stamp.get("pull_request")


def test_author_of_a_merge(job: Team, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who merged and approved which pull request reaches the stamp; no text adds a variable."""
    hub.add_pull({}, number=7, merged_at="now", merged_by={"login": "grace"})
    hub.add_push(7)
    for label in ("mlgitops/rollback", "x\nMLGITOPS_ACTOR=root"):
        hub.add_label(7, label)
    hub.commits["abc"] = [7]
    hub.reviews[7] = [
        {"user": {"login": login}, "state": state}
        for login, state in (
            ("lin", "CHANGES_REQUESTED"),
            ("ivan", "APPROVED"),
            ("judy", "APPROVED"),
            ("lin", "APPROVED"),
            ("lin", "COMMENTED"),
            ("judy", "DISMISSED"),
        )
    ]
    job.versions(1)
    job.stages(Production=1)
    assert "merged by grace, approved by ivan, lin\n" in job.ok("github", "author").out
    assert variables(job) == {"MLGITOPS_AUTHORS": str(job.folder / "authors.json")}
    (by,) = entries.read(job.folder / "authors.json").values()
    assert by.approvers == ("ivan", "lin")
    assert by.labels == {"mlgitops/rollback@rita"}
    monkeypatch.setenv("MLGITOPS_AUTHORS", "authors.json")
    job.ok("apply")
    assert stamped(job) == ("abc", "grace", "7")
    assert (job.tag(1, "Production") or {})["approvers"] == "ivan, lin"


def test_nothing_is_asked_where_nothing_is_pending(job: Team, hub: fake.GitHub) -> None:
    """The file that the next steps read is there all the same."""
    job.stages()
    assert "no change is pending" in job.ok("github", "author").out
    assert entries.read(job.folder / "authors.json") == {}
    assert hub.requests == []


def test_author_of_a_merge_elsewhere(job: Team, hub: fake.GitHub) -> None:
    """A pull request that was merged into another branch lends this one nothing."""
    hub.add_pull({"base": "topic"}, number=7, merged_at="now", merged_by={"login": "mallory"})
    hub.commits["abc"] = [7]
    job.stages(Production=1)
    assert "no pull request" in job.ok("github", "author").out


def test_a_run_that_was_overtaken(job: Team, hub: fake.GitHub) -> None:
    """It is refused once models.yaml has changed since, whether it waited or was restarted."""
    job.stages(Production=1)
    hub.newer["abc"] = [{"filename": "README.md"}]
    job.ok("github", "author")
    hub.newer["abc"].append({"filename": "models.yaml"})
    ran = job.run("github", "author")
    assert ran.code == 1
    assert "main has a newer models.yaml than this run" in ran.err


def test_author_of_a_push(job: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit without a pull request is its pusher's, whatever its text and its author say."""
    job.versions(1)
    job.stages(Production=1)
    sha = commit(job, "Promote wind (#12)", day=1, author="mallory")
    path = job.folder / "event.json"
    path.write_text(json.dumps({"after": "def", "commits": [{"id": sha}]}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))
    assert "has no pull request; actor: pusher" in job.ok("github", "author").out
    job.ok("apply", "--authors", "authors.json")
    assert stamped(job) == (sha, "pusher", None)


def test_report_on_a_pull_request(
    job: Team, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes to the job's summary and, twice, to the one comment."""
    event(job, monkeypatch)
    (job.folder / "plan.md").write_text("the plan\n")
    for _ in range(2):
        job.ok("github", "report", "plan.md")
    assert told(job, "GITHUB_STEP_SUMMARY") == "the plan\n" * 2
    (comment,) = hub.comments
    assert (comment["issue"], comment["body"]) == (12, "<!-- mlgitops:plan -->\nthe plan\n")


def test_report_of_several_files(job: Team) -> None:
    """They are one text; of those after the first a missing one is left out."""
    (job.folder / "plan.md").write_text("the plan\n")
    (job.folder / "more.md").write_text("more\n")
    job.ok("github", "report", "plan.md", "images.md", "more.md")
    assert told(job, "GITHUB_STEP_SUMMARY") == "the plan\n\nmore\n"


def test_report_that_was_never_written(job: Team) -> None:
    """The first line says that it is missing, and what that means; the others follow."""
    (job.folder / "images.md").write_text("images\n")
    said = "The apply did not finish."
    job.ok("github", "report", "apply.md", "images.md", "--missing", said)
    summary = told(job, "GITHUB_STEP_SUMMARY")
    assert summary == f"**apply.md is missing.** {said}\n\nimages\n"


def test_report_beyond_the_limit_of_a_summary(job: Team) -> None:
    """GitHub shows nothing of a step's summary that is larger than 1 MiB, whoever wrote it."""
    folded = "<details><summary>é</summary>\n\n" + "é" * 300_000 + "\n\n</details>\n\n"
    (job.folder / "plan.md").write_text(f"**Plan**\n\n{folded * 3}", encoding="utf-8")
    for _ in range(2):
        job.ok("github", "report", "plan.md")
    summary = (job.folder / "GITHUB_STEP_SUMMARY").read_bytes()
    assert summary.count(b"**Plan**") == 2
    assert summary.count(b"<details>") == summary.count(b"</details>") == 1
    assert b"2 folded details left out" in summary
    assert len(summary) <= 1_048_576


def test_report_where_comments_are_denied(
    job: Team, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork's token leaves it at the summary, and the job green; a missing report says so."""
    event(job, monkeypatch)
    hub.denied = [r"POST .*"]
    ran = job.ok("github", "report", "plan.md")
    assert "no comment on pull request #12" in ran.err
    assert "plan.md is missing" in told(job, "GITHUB_STEP_SUMMARY")
    assert hub.comments == []


def test_report_on_a_push(job: Team, hub: fake.GitHub) -> None:
    """Without a pull request there is the summary alone."""
    (job.folder / "apply.md").write_text("applied\n")
    job.ok("github", "report", "apply.md", "--marker", "apply")
    assert told(job, "GITHUB_STEP_SUMMARY") == "applied\n"
    assert hub.requests == []


def test_drift_from_found_to_healed(job: Team, hub: fake.GitHub) -> None:
    """One issue: opened, kept as it is, closed when healed; the output tells the next steps."""
    job.versions(2)
    job.stages(Production=1)
    job.ok("apply")
    job.client.set_registered_model_alias("wind", "production", "2")
    assert job.ok("github", "drift").out.endswith("wind Production: is 2, should be 1\n")
    assert job.run("github", "drift", "--exit-code").code == 2
    (issue,) = hub.issues
    assert "| wind | Production | 1 | 2 |" in issue["body"]
    assert hub.writes == ["POST /issues"]
    job.ok("apply")
    assert "closed" in job.ok("github", "drift", "--exit-code").out
    assert issue["state"] == "closed"
    assert told(job, "GITHUB_OUTPUT").split() == ["drift=true", "drift=true", "drift=false"]


def test_no_way_back_from_found_to_repaired(job: Team, hub: fake.GitHub) -> None:
    """An issue of its own, which stays while it is not known whether it is repaired."""
    job.versions(3)
    for version in (1, 2):
        job.stages(Production=version)
        job.ok("apply")
    assert job.ok("github", "way-back").out == "Every production stage has a way back again.\n"
    job.client.delete_model_version("wind", "1")
    lost = "wind Production: no way back: version 1 does not exist or was deleted"
    for _ in range(2):
        assert job.ok("github", "way-back").out.startswith(lost)
    (issue,) = hub.issues
    assert issue["title"] == "No way back: 1 production stage"
    assert "| wind | Production | 2 | no way back: version 1 does not exist" in issue["body"]
    assert hub.writes == ["POST /issues"]

    job.client.create_model_version("wind", "s3://bucket/model", await_creation_for=0)
    job.versions(2)
    for version in (4, 5):
        job.stages(Production=version)
        job.ok("apply")
    assert "way back to version 4 not checked" in job.ok("github", "way-back").out
    assert issue["state"] == "open"
    job.stages(Production=6)
    job.ok("apply")
    assert "closed" in job.ok("github", "way-back").out
    assert issue["state"] == "closed"


def test_what_was_merged_just_now_is_no_drift(job: Team, hub: fake.GitHub) -> None:
    """What is declared and not applied yet counts after the grace; a hand's move always does."""
    job.versions(2)
    job.stages(Production=1, Staging=1)
    job.ok("apply")
    job.stages(Production=2, Staging=1)
    git(job, "init", "--quiet", "--initial-branch=main")
    git(job, "add", "models.yaml")
    now = datetime.now(UTC)
    git(job, "commit", "--quiet", "--message", "Promote", at=now - timedelta(minutes=30))
    job.ok("github", "drift", "--grace", "60", "--exit-code")
    assert hub.issues == []
    assert job.run("github", "drift", "--grace", "20", "--exit-code").code == 2
    assert "| wind | Production | 2 | 1 |" in hub.issues[0]["body"]
    job.client.set_registered_model_alias("wind", "staging", "2")
    assert job.run("github", "drift", "--grace", "60", "--exit-code").code == 2
    assert "Production" not in hub.issues[0]["body"]


def test_only_commits_of_the_file_count_for_the_grace(
    job: Team, hub: fake.GitHub, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another commit does not renew it; a merge does, whatever the age of what it merges."""
    job.versions(2)
    job.stages(Production=1)
    job.ok("apply")
    git(job, "init", "--quiet", "--initial-branch=main")
    git(job, "add", "models.yaml")
    now = datetime.now(UTC)
    old = now - timedelta(hours=3)
    git(job, "commit", "--quiet", "--message", "Start", at=old)
    job.stages(Production=2)
    drift = ("github", "drift", "--grace", "60", "--exit-code")
    git(job, "switch", "--quiet", "--create", "topic")
    git(job, "commit", "--quiet", "--all", "--message", "Promote", at=old)
    git(job, "switch", "--quiet", "main")
    git(job, "merge", "--quiet", "--no-ff", "--message", "Merge", "topic", at=now)
    job.ok(*drift)
    git(job, "reset", "--quiet", "--hard", "topic")
    git(job, "commit", "--quiet", "--allow-empty", "--message", "Other", at=now)
    assert job.run(*drift).code == 2
    clone = tmp_path_factory.mktemp("clone") / "farm"
    git(job, "clone", "--quiet", "--depth", "1", f"file://{job.folder}", str(clone))
    ran = job.run(*drift, "--file", str(clone / "models.yaml"))
    assert ran.code == 1
    assert "fetch-depth: 0" in ran.err
    assert len(hub.issues) == 1


def test_since_when_it_is_wrong(job: Team, hub: fake.GitHub) -> None:
    """Each stage keeps the time it was first seen wrong; what goes wrong later has its own."""
    job.versions(3)
    job.stages(Staging=1, Production=1)
    job.ok("apply")
    job.client.set_registered_model_alias("wind", "production", "2")
    job.ok("github", "drift")
    body = hub.issues[0]["body"].replace("202", "199")  # decades ago
    hub.issues[0]["body"] = body
    job.client.set_registered_model_alias("wind", "staging", "3")
    job.ok("github", "drift")
    rows = {
        line.split("|")[2].strip(): line.split("|")[6].strip()[:3]
        for line in hub.issues[0]["body"].splitlines()
        if line.startswith("| wind")
    }
    assert rows == {"Production": "199", "Staging": "202"}


def _origin(job: Team, tmp_path: Path) -> Path:
    origin = tmp_path / "origin.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(origin)], check=True)
    job.stages(Production=1)
    commit(job, "Start", day=1)
    git(job, "remote", "add", "origin", str(origin))
    return origin


def test_a_pull_request_with_the_edit(
    job: Team, hub: fake.GitHub, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Only models.yaml is pushed, on its branch; a second run updates branch and pull request.

    A link to it will do as well.
    """
    origin = _origin(job, tmp_path_factory.mktemp("origin"))
    (job.folder / "body.md").write_text("the plan")
    (job.folder / "link.yaml").symlink_to("models.yaml")
    for version, file in ((2, "models.yaml"), (3, "link.yaml")):
        job.ok("promote", "wind", "Production", str(version), "--file", file)
        arguments = ("--title", "Roll back $(x) `y`", "-f", file)
        job.ok("github", "pull-request", "mlgitops/r", "--body", "body.md", *arguments)
    (pull,) = hub.pulls
    assert (pull["head"], pull["base"]["ref"], pull["body"]) == ("mlgitops/r", "main", "the plan")
    shown = ("git", "-C", str(origin), "show", "--format=%an: %s", "--name-only", "mlgitops/r")
    done = subprocess.run(shown, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n\n") == [
        "github-actions[bot]: Roll back $(x) `y`",
        "models.yaml\n",
    ]


def test_the_reason_is_a_trailer_of_the_commit_and_stands_in_the_pull_request(
    job: Team, hub: fake.GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes from a form, as a variable; git finds it, and Markdown shows it as it is."""
    _origin(job, tmp_path)
    monkeypatch.setenv("MLGITOPS_REASON", "leaks the *future*")
    job.ok("rollback", "wind", "Production", "2")
    job.ok("github", "pull-request", "back", "--title", "Roll back")
    trailers = git(job, "log", "-1", "--format=%(trailers:key=Reason,valueonly)", "back")
    assert trailers == "leaks the *future*"
    (pull,) = hub.pulls
    assert pull["body"] == "**Reason:** leaks the \\*future\\*\n\n"


def test_a_push_that_fails(job: Team, hub: fake.GitHub, tmp_path: Path) -> None:
    """It is one error, without the token, and no pull request."""
    git_folder = tmp_path / "gone.git"
    _origin(job, tmp_path)
    git(job, "remote", "set-url", "origin", str(git_folder))
    job.stages(Production=2)
    ran = job.run("github", "pull-request", "topic", "--title", "T")
    assert ran.code == 1
    assert "git push failed" in ran.err
    login = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    assert not {TOKEN, login} & set(ran.err.split())
    assert hub.pulls == []


def test_outside_of_a_job(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere each verb says what to use instead."""
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    assert "GITHUB_REPOSITORY" not in os.environ
    ran = team.run("github", "author")
    assert ran.code == 1
    assert "use `mlgitops status` and `mlgitops plan`" in ran.err
