"""What a pull request's check measured: it counts if nothing that made it was changed."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mlgitops.core.guards import Shown
from mlgitops.core.measured import Measured, Subject
from mlgitops.core.plan import Plan
from mlgitops.github import context, verdicts
from mlgitops.github.api import GitHub
from mlgitops.proposal import checkedfile, planfile
from tests.github.fake import REPOSITORY, TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.github import fake
    from tests.team import Team

MEASURED = Measured(
    of=Subject(
        model="wind",
        alias="production",
        old=None,
        new=1,
        old_digest=None,
        new_digest="sha256:" + "1" * 64,
    ),
    rule="max_latency 20ms",
    passed=True,
    expected="at most 20ms",
    actual="3.2 ms",
)
MIB = 1024 * 1024


def zipped(*files: tuple[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with these files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", kind) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return made.getvalue()


@pytest.fixture
def plan(tmp_path: Path) -> bytes:
    """What a check wrote as plan.json."""
    path = tmp_path / "plan.json"
    shown = Shown(plan=Plan(registry="r", models=(), stages=1), fingerprint="f")
    planfile.write(path, shown, [MEASURED])
    return path.read_bytes()


@pytest.fixture
def merged(hub: fake.GitHub, plan: bytes) -> fake.GitHub:
    """A repository after pull request 12, whose check measured the gate of Production."""
    hub.add_pull({"head": "topic"}, number=12, merged_at="now", changed_files=1)
    hub.commits["abc"] = [12]
    hub.files[12] = [{"filename": "models.yaml"}]
    hub.newer["head12"] = [{"filename": "models.yaml"}]
    hub.add_run(12, zipped(("plan.md", b"a plan"), ("plan.json", plan)))
    return hub


@pytest.fixture
def waiting(merged: fake.GitHub, job: Team) -> Team:  # noqa: ARG001 - it is what the job asks
    """A job of that repository, with the change that the pull request asked for."""
    job.versions(1)
    job.write(
        "models: {wind: {gates: {Production: [{max_latency: 20ms}]}, stages: {Production: 1}}}"
    )
    return job


def asked(hub: fake.GitHub) -> tuple[list[Measured], list[str]]:
    """What counts of the check of commit abc, and the warnings."""
    variables = {
        "GITHUB_API_URL": hub.base,
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_SHA": "abc",
        "GITHUB_REF_NAME": "main",
    }
    run, warnings = context.read(variables), list[str]()
    declares = {"models.yaml"}.__contains__
    found = verdicts.measured(run, GitHub(run), ["abc"], declares, lambda _: None, warnings.append)
    return list(found), warnings


def why_not(hub: fake.GitHub) -> str:
    """Why nothing counts, in the one line that is said."""
    found, (line,) = asked(hub)
    assert found == []
    before, _, reason = line.partition("does not count: ")
    assert before == "what the check of pull request #12 measured "
    return reason


def test_what_the_check_measured_is_for_the_next_steps(waiting: Team) -> None:
    """With the pull request's number; the storage, which is another host, gets no token."""
    ran = waiting.ok("github", "verdicts", "--out", "checked.json")
    assert ran.out == "the check of pull request #12 measured 1 verdict\n"
    found = checkedfile.read(waiting.folder / "checked.json")
    assert found == (replace(MEASURED, pull_request="12"),)


def test_nothing_is_asked_where_no_gate_loads_a_model(waiting: Team, hub: fake.GitHub) -> None:
    """The file is there all the same."""
    waiting.stages(Production=1)
    assert "no pending change needs predictions" in waiting.ok("github", "verdicts").out
    assert checkedfile.read(waiting.folder / "checked.json") == ()
    assert hub.requests == []


def test_it_is_no_error_that_nothing_counts(waiting: Team, hub: fake.GitHub) -> None:
    """The next steps find a file without verdicts, and measure."""
    hub.runs.clear()
    assert "warning: what the check of pull request #12" in waiting.ok("github", "verdicts").err
    assert checkedfile.read(waiting.folder / "checked.json") == ()


CODE = [{"filename": "training/power.py"}]


def add_pull(hub: fake.GitHub, base: str) -> None:
    """Another pull request of the same branch."""
    hub.add_pull({"head": "topic", "base": base}, number=13, state="closed")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(lambda h: h.pulls[0].update(repository="fork/farm"), "a fork", id="fork"),
        pytest.param(
            lambda h: h.files.update({12: CODE}),
            "changes what measures: training/power.py",
            id="changed",
        ),
        pytest.param(lambda h: h.files.update({12: []}), "0 of 1 changed file", id="hidden"),
        pytest.param(lambda h: h.pulls[0].pop("changed_files"), "GitHub listed", id="uncounted"),
        pytest.param(
            lambda h: h.newer.update(head12=[{"filename": "requirements/runtime.txt"}]),
            "main has changed since what measures: requirements/runtime.txt",
            id="changed-since",
        ),
        pytest.param(
            lambda h: h.newer.update(head12=[{"filename": "checks/limits.yaml"}]),
            "main has changed since what measures: checks/limits.yaml",
            id="limits-changed-since",
        ),
        pytest.param(
            lambda h: h.newer.update(head12=[{"filename": "README.md"}] * 300),
            "main has changed too much since",
            id="changed-much-since",
        ),
        pytest.param(
            lambda h: add_pull(h, "evil"), "another branch than main (#13)", id="other-base"
        ),
        pytest.param(
            lambda h: h.add_event(12, "base_ref_changed", "mallory", "now"),
            "another branch than main (#12)",
            id="base-changed",
        ),
        pytest.param(
            lambda h: h.runs[0].update(path=".github/workflows/mine.yml"),
            "its check did not end on head12",
            id="other-workflow",
        ),
        pytest.param(
            lambda h: h.runs[0].update(head_repository={"full_name": "fork/farm"}),
            "its check did not end",
            id="run-of-a-fork",
        ),
        pytest.param(
            lambda h: h.runs[0].update(head_branch="topic2"), "did not end", id="run-of-a-branch"
        ),
        pytest.param(lambda h: h.runs[0].update(event="push"), "did not end", id="run-of-a-push"),
        pytest.param(
            lambda h: h.runs[0].update(conclusion="cancelled"), "did not end", id="cancelled"
        ),
        pytest.param(lambda h: h.runs[0].update(id="x"), "of no use", id="no-number"),
        pytest.param(lambda h: h.archives.clear(), "keeps no plan", id="no-plan"),
        pytest.param(lambda h: h.add_run(12, b""), "cannot be read", id="newest-run"),
        pytest.param(lambda h: h.denied.append(r"GET /actions/.*"), "denied", id="denied"),
    ],
)
def test_why_it_does_not_count(
    merged: fake.GitHub, change: Callable[[fake.GitHub], Any], reason: str
) -> None:
    """One line, no verdict and no error: the next steps measure."""
    change(merged)
    assert reason in why_not(merged)


def test_a_branch_of_several_pull_requests_counts(merged: fake.GitHub) -> None:
    """Those of machine users reuse theirs; all went into this branch."""
    add_pull(merged, "main")
    assert asked(merged) == ([replace(MEASURED, pull_request="12")], [])


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        pytest.param(b"PK? no", "cannot be read", id="no-zip"),
        pytest.param(zipped(("a/plan.json", b"{}")), "not one readable plan.json", id="name"),
        pytest.param(zipped(("../plan.json", b"{}")), "not one readable", id="path"),
        pytest.param(zipped(("plan.json", bytes(17 * MIB))), "larger than 16 MiB", id="bomb"),
        pytest.param(
            zipped(*((f"{number}", b"") for number in range(101))), "more than 100", id="many"
        ),
        pytest.param(
            zipped(("plan.json", b"{}"), kind=zipfile.ZIP_BZIP2), "not one readable", id="bzip2"
        ),
        pytest.param(zipped(("plan.json", b"{}"))[:-30], "cannot be read", id="half"),
        pytest.param(zipped(("plan.json", b"{}")), "is not a plan", id="no-plan"),
        pytest.param(zipped(("plan.json", b"[" * 100_000)), "is not a plan", id="deep"),
        pytest.param(zipped(("plan.json", b"\xff\0")), "is not a plan", id="no-json"),
    ],
)
def test_a_hostile_archive(merged: fake.GitHub, archive: bytes, reason: str) -> None:
    """It is data: whatever it holds, it is one line and no verdict."""
    merged.archives[100] = archive
    assert reason in why_not(merged)


def test_a_plan_that_another_version_or_stranger_wrote(merged: fake.GitHub, plan: bytes) -> None:
    """Wrong types and other versions of the form are no verdicts."""
    document = json.loads(plan)
    for key, value in (("version", 3), ("measured", [{"rule": 1}]), ("measured", "x")):
        merged.archives[100] = zipped(("plan.json", json.dumps({**document, key: value}).encode()))
        assert "is not a plan" in why_not(merged)


def test_a_commit_without_a_pull_request_has_no_verdicts(merged: fake.GitHub) -> None:
    """Nothing checked it."""
    merged.commits.clear()
    assert asked(merged) == ([], [])
