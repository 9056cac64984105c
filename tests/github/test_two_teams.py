"""Two teams in one file: the trouble of one is not the other's, and neither are its permissions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.history.test_stays import commit

if TYPE_CHECKING:
    from tests.github import fake
    from tests.team import Team

FILE = """\
models:
  wind:
    gates:
      Production:
        - {{metric: r2, min: 0.9}}
    stages:
      Production: {wind}
  solar:
    freeze: {{reason: maintenance, until: 2099-01-01}}
    stages:
      Production: {solar}
"""


@pytest.fixture
def job(job: Team, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A run of Apply: wind is in its version 1, solar was promoted to its version 2."""
    job.version(metrics={"r2": 0.95})
    job.version(metrics={"r2": 0.5})
    job.versions(2, "solar")
    for day in (1, 2):
        job.write(FILE.format(wind=1, solar=day))
        commit(job, f"Day {day}", day=day)
        job.ok("apply", "--allow", "freeze")
    monkeypatch.setenv("MLGITOPS_AUTHORS", "authors.json")
    return job


def merged(hub: fake.GitHub, sha: str, number: int, by: str, *labels: str) -> None:
    """A pull request that came into main by a commit."""
    hub.add_pull({}, number=number, merged_at="now", merged_by={"login": by})
    hub.add_push(number)
    for label in labels:
        hub.add_label(number, label)
    hub.commits[sha] = [number]


def test_one_s_gate_fails_and_the_other_s_rollback_is_applied(job: Team, hub: fake.GitHub) -> None:
    """By the same run, stamped with its own pull request, and permitted by its own label."""
    job.write(FILE.format(wind=2, solar=2))
    merged(hub, commit(job, "Promote wind", day=3, author="ada"), 7, "grace")
    job.write(FILE.format(wind=2, solar=1))
    back = commit(job, "Roll back solar", day=4, author="bob")
    merged(hub, back, 8, "heidi", "mlgitops/rollback")

    told = job.ok("github", "author").out
    planned = job.run("plan", "--out", "plan.json", "--quick")
    ran = job.run("apply", "--plan", "plan.json", "--report", "apply.json")

    assert "pull request #7, merged by grace" in told
    assert "pull request #8, merged by heidi" in told
    assert (planned.code, ran.code) == (3, 8)
    assert "a gate refused wind Production 1 → 2: r2 min 0.9" in ran.err
    assert "all other changes were made" in ran.err
    stamp = job.tag(1, "Production", "solar")
    assert stamp is not None
    assert (stamp["commit"], stamp["pull_request"], stamp["actor"]) == (back, "8", "heidi")
    assert (job.aliases(), job.aliases("solar")) == ({"production": 1}, {"production": 1})
    assert job.tag(2, "Production") is None
    outcomes = json.loads((job.folder / "apply.json").read_text())["outcomes"]
    assert {(one["model"], one["status"]) for one in outcomes} == {
        ("solar", "applied"),
        ("wind", "refused"),
    }
    job.ok("github", "deployment", "apply.json")
    assert {one["environment"] for one in hub.deployments} == {
        "wind Production",  # of before: what is recorded follows from what stages hold
        "solar Production",
    }
    # the next run finds wind refused again, and nothing else to do
    assert job.run("apply").code == 3


def test_a_label_permits_the_changes_of_its_own_pull_request_only(
    job: Team, hub: fake.GitHub
) -> None:
    """The freeze of solar is not passed by what the other team was allowed."""
    job.write(FILE.format(wind=2, solar=2))
    labels = ("mlgitops/rollback", "mlgitops/allow-freeze")
    merged(hub, commit(job, "Promote wind", day=3), 7, "grace", *labels)
    job.write(FILE.format(wind=2, solar=1))
    merged(hub, commit(job, "Roll back solar", day=4), 8, "heidi")
    job.ok("github", "author")
    ran = job.run("apply")
    assert ran.code == 3
    assert "the guard freeze refused solar Production" in ran.err
    assert job.aliases("solar") == {"production": 2}


def test_a_pull_request_is_judged_by_what_it_changes(
    job: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was refused on main before is shown, and does not fail the plan of another team."""
    monkeypatch.delenv("MLGITOPS_AUTHORS")
    job.write(FILE.format(wind=2, solar=2))
    commit(job, "Promote wind, which its gate refuses", day=3)
    job.write(FILE.format(wind=2, solar=1))
    assert job.run("plan", "--quick", "--base", "HEAD").code == 3
    monkeypatch.setenv("MLGITOPS_LABELS", "mlgitops/rollback")

    ran = job.ok("plan", "--quick", "--base", "HEAD", "--format", "json")

    found = {one["model"]: one for one in ran.document["changes"]}
    assert [found["wind"][key] for key in ("refused", "pending_before")] == [True, True]
    assert [found["solar"][key] for key in ("refused", "pending_before")] == [False, False]
    assert not ran.document["refused"]
    assert (
        "refused since before"
        in job.ok("plan", "--quick", "--base", "HEAD", "--format", "markdown").out
    )
    assert job.run("plan", "--quick").code == 3

    # the label is for what the pull request changes
    commit(job, "Merge it", day=4)
    job.write(FILE.format(wind=1, solar=1))
    assert "guard freeze" not in job.ok("plan", "--quick", "--base", "HEAD").err
    assert "solar Production: frozen until" in job.ok("plan", "--quick", "--base", "HEAD").out
    # a pull request that touches the gate answers for it
    job.write(FILE.format(wind=2, solar=2).replace("0.9}", "0.8}"))
    ran = job.run("plan", "--quick", "--base", "HEAD")
    assert ran.code == 3
    assert "a gate refused wind Production" in ran.err
