"""The deployments that GitHub is told of: what stages got, whichever run applied it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.github import fake
    from tests.team import Team


def test_deployments(job: Team, hub: fake.GitHub) -> None:
    """Each stage that was applied is a deployment with a status, of the commit of its stamp."""
    job.versions(2)
    job.write(
        "stages: [Staging, Production, {name: champion, production: true}]\n"
        "models: {wind: {stages: {Production: 1, Staging: 2, champion: 2}}}\n"
    )
    job.ok("apply", "--commit", "0" * 40)
    job.ok("github", "deployment")
    assert {(d["environment"], d["ref"], d["production_environment"]) for d in hub.deployments} == {
        ("wind Production", "0" * 40, True),
        ("wind Staging", "0" * 40, False),
        ("wind champion", "0" * 40, True),
    }
    assert [status["state"] for status in hub.statuses] == ["success"] * 3
    job.stages(Production=None, Staging=2, champion=2)
    job.ok("apply", "--allow", "empties-production", "--actor", "ada", "--commit", "uncommitted")
    assert job.ok("github", "deployment").out == "wind Production: empty, applied by ada\n"
    assert hub.deployments[-1]["ref"] == "abc"


def test_deployments_that_a_run_did_not_record(job: Team, hub: fake.GitHub) -> None:
    """The next run records them, whatever it applies itself; nothing is recorded twice."""
    job.versions(2)
    job.stages(Production=1, Staging=1, Shadow=1)
    job.ok("apply")
    hub.denied = [r"POST /deployments/2/statuses"]  # cut off in the middle of a record
    assert job.run("github", "deployment").code == 1
    assert [status["deployment"] for status in hub.statuses] == [1]
    hub.denied = []
    job.ok("apply")  # there is nothing to do
    job.ok("github", "deployment", "missing.json")
    assert sorted(d["environment"] for d in hub.deployments) == [
        "wind Production",
        "wind Shadow",
        "wind Staging",
    ]
    assert {status["deployment"] for status in hub.statuses} == {1, 2, 3}
    writes = len(hub.writes)
    job.ok("github", "deployment")
    assert len(hub.writes) == writes


def test_deployments_of_what_is_not_as_it_was_left(job: Team, hub: fake.GitHub) -> None:
    """What somebody moved by hand is not recorded as applied, nor is what others manage."""
    job.versions(2)
    job.stages(Production=1)
    job.ok("apply")
    job.client.set_registered_model_alias("wind", "production", "2")
    job.stages("wind", Production=1)
    assert job.ok("github", "deployment").out == ""
    assert hub.deployments == []


def test_deployments_cost_few_requests(job: Team, hub: fake.GitHub) -> None:
    """Of a long list only the last days are read; a commit that GitHub lacks stops nothing."""
    hub.page = 2
    other = {"environment": "pages", "payload": "", "description": ""}
    for number in range(20):
        hub.deployments.append({"id": number, "created_at": "2020-01-01T00:00:00Z", **other})
    job.versions(2)
    job.stages(Production=1)
    job.ok("apply", "--commit", "1" * 40)
    hub.lost = {"1" * 40}
    job.ok("github", "deployment")
    assert hub.deployments[-1]["ref"] == "abc"
    hub.requests.clear()
    job.stages(Production=2)
    job.ok("apply")
    job.ok("github", "deployment")
    assert len([request for request in hub.requests if request == "GET /deployments"]) == 1
    assert hub.deployments[-1]["payload"]["version"] == 2


def test_deployments_that_failed(job: Team, hub: fake.GitHub) -> None:
    """What failed in this apply is a deployment that failed; what was refused is none."""
    failed = {"model": "wind", "stage": "Production", "new": 2, "status": "failed"}
    skipped = {**failed, "model": "sun", "status": "not attempted"}
    report = {"kind": "apply", "outcomes": [failed, skipped]}
    (job.folder / "apply.json").write_text(json.dumps(report))
    (job.folder / "error.json").write_text(json.dumps({"kind": "error", "errors": ["e"]}))
    (job.folder / "broken.json").write_text("{}")
    job.stages()
    job.ok("github", "deployment", "error.json")
    ran = job.run("github", "deployment", "broken.json")
    assert "is not a report from `mlgitops apply`" in ran.err
    assert hub.deployments == []
    job.ok("github", "deployment", "apply.json")
    assert [d["description"] for d in hub.deployments] == ["wind Production: version 2, failed"]
    assert [status["state"] for status in hub.statuses] == ["failure"]
