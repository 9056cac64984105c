"""`mlgitops doctor github`: what a person sets up there, by answers that GitHub documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.github.fake import REPOSITORY, TOKEN, Reply
from tests.github.settings import (
    CUSTOM,
    PULL_REQUEST,
    VALUE,
    environment,
    named,
    rule,
    well_set_up,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.github import fake
    from tests.team import Ran, Team


@pytest.fixture(autouse=True)
def _settings(hub: fake.GitHub) -> None:
    well_set_up(hub)


def findings(ran: Ran) -> dict[str, tuple[str, str]]:
    """Verdict and text of each check that did not pass."""
    return {
        one["check"]: (one["verdict"], f"{one['found']}; {one['remedy']}")
        for one in ran.document["findings"]
        if one["verdict"] != "passed"
    }


def test_a_repository_that_is_well_set_up(job: Team, hub: fake.GitHub) -> None:
    """Everything passes, by reads alone; names are shown, and no value."""
    ran = job.run("doctor", "github")
    assert ran.code == 0, ran.out
    assert "0 failed, 0 not checkable from here" in ran.out
    assert "MLFLOW_TRACKING_PASSWORD" in ran.out
    assert VALUE not in ran.out
    assert TOKEN not in ran.out
    assert hub.writes == []


def _set(path: str, document: Any) -> Callable[[fake.GitHub], None]:
    return lambda hub: hub.documents.update({path: document})


def _lacks(path: str, key: str, name: str) -> Callable[[fake.GitHub], None]:
    def change(hub: fake.GitHub) -> None:
        listed = hub.documents[path][key] if key else hub.documents[path]
        listed[:] = [one for one in listed if one["name"] != name]

    return change


@pytest.mark.parametrize(
    ("change", "check", "said"),
    [
        (
            _set("", {"full_name": "windy/wind-farm", "default_branch": "main"}),
            "repository",
            "windy/farm is called windy/wind-farm now; git remote set-url",
        ),
        (
            _set("", {"full_name": REPOSITORY, "default_branch": "main", "archived": True}),
            "repository",
            "is archived; unarchive it",
        ),
        (
            _set("/actions/variables", named("variables", "MLGITOPS_APPROVER", value="@ada")),
            "variables",
            "nothing reads MLGITOPS_APPROVER; did you mean MLGITOPS_APPROVERS?",
        ),
        (
            _lacks("/environments", "environments", "propose"),
            "environment propose",
            "there is none; create it in the settings, for the branch main only",
        ),
        (
            _set("/environments", {"environments": [environment("production", None)]}),
            "environment production",
            "every branch may use it; limit it to the branch main",
        ),
        (
            _set(
                "/environments/production/deployment-branch-policies",
                named("branch_policies", "main", "release/*"),
            ),
            "environment production",
            "the branches main, release/* may use it",
        ),
        (
            _lacks("/environments/propose/secrets", "secrets", "MLGITOPS_TOKEN"),
            "secrets",
            "missing: MLGITOPS_TOKEN; make them secrets of the environment propose",
        ),
        (
            _set("/actions/secrets", named("secrets", "MLFLOW_TRACKING_PASSWORD")),
            "secrets",
            "code of pull requests can read MLFLOW_TRACKING_PASSWORD; make them secrets of an",
        ),
        (
            _lacks("/labels", "", "mlgitops/rollback"),
            "labels",
            "missing: mlgitops/rollback; create them: `gh label create NAME`",
        ),
        (
            _set("/rules/branches/main", [rule("deletion"), rule("pull_request")]),
            "rules",
            "main lacks non_fast_forward, require_code_owner_review, require_last_push_approval,",
        ),
        (
            _set("/rules/branches/main", [rule("pull_request", **PULL_REQUEST)]),
            "required checks",
            "none: what is refused can be merged; import .github/rulesets/main.json",
        ),
        (
            _set(
                "/actions/permissions/workflow",
                {
                    "default_workflow_permissions": "write",
                    "can_approve_pull_request_reviews": True,
                },
            ),
            "approvals",
            "workflows may create and approve pull requests; turn it off under Settings",
        ),
        (
            _set(
                "/codeowners/errors",
                {
                    "errors": [
                        {
                            "line": 3,
                            "column": 1,
                            "kind": "Unknown owner",
                            "source": "* @nobody",
                            "suggestion": "make sure @nobody exists and has write access",
                            "message": "Unknown owner on line 3",
                            "path": ".github/CODEOWNERS",
                        }
                    ]
                },
            ),
            "CODEOWNERS",
            "line 3 of .github/CODEOWNERS: Unknown owner; make sure @nobody exists",
        ),
    ],
)
def test_what_is_not_as_it_should(
    job: Team,
    hub: fake.GitHub,
    change: Callable[[fake.GitHub], None],
    check: str,
    said: str,
) -> None:
    """Each fails with what to do, and the exit code is 1."""
    change(hub)
    ran = job.run("doctor", "github", "--format", "json")
    assert ran.code == 1
    verdict, text = findings(ran)[check]
    assert (verdict, said in text) == ("failed", True), text


def test_a_login_of_short_life_needs_no_passwords(job: Team, hub: fake.GitHub) -> None:
    """With MLGITOPS_LOGIN, as without a live registry, there are no secrets for MLflow."""
    for path in ("/actions/secrets", "/environments/production/secrets"):
        hub.documents[path] = named("secrets")
    hub.documents["/environments/propose/secrets"] = named("secrets", "MLGITOPS_TOKEN")
    assert job.run("doctor", "github").code == 1
    for names in (("MLFLOW_TRACKING_URI", "MLGITOPS_LOGIN"), ()):
        hub.documents["/actions/variables"] = named("variables", *names, value=VALUE)
        assert job.run("doctor", "github").code == 0


def test_variables_and_secrets_of_the_organization(job: Team, hub: fake.GitHub) -> None:
    """Those that it shares with the repository count as its own."""
    hub.documents["/actions/organization-variables"] = named("variables", "MLGITOPS_IMAGES")
    ran = job.run("doctor", "github", "--format", "json")
    assert "missing: MLGITOPS_IMAGES_USERNAME" in findings(ran)["secrets"][1]
    both = (f"MLGITOPS_IMAGES_{part}" for part in ("USERNAME", "PASSWORD"))
    hub.documents["/environments/production/secrets"]["secrets"] += named("secrets", *both)[
        "secrets"
    ]
    assert job.run("doctor", "github").code == 0


def test_a_token_that_may_read_little(job: Team, hub: fake.GitHub) -> None:
    """What it may not read is not checkable, with the grant that is missing; nothing fails."""
    said = "Resource not accessible by integration"
    for route, grant in (
        ("/actions/variables", "variables=read"),
        ("/environments", "actions=read"),
        ("/actions/permissions/workflow", "administration=read"),
    ):
        headers = {"X-Accepted-GitHub-Permissions": grant}
        hub.replies[f"GET {route}"] = [Reply(status=403, message=said, headers=headers)]
    ran = job.run("doctor", "github", "--format", "json")
    found = findings(ran)
    assert ran.code == 0
    assert {verdict for verdict, _ in found.values()} == {"not checkable from here"}
    assert "add `variables: read` to the job's `permissions`" in found["variables"][1]
    assert "`actions: read`" in found["environments"][1]
    assert "`administration: read`" in found["approvals"][1]
    assert "which environments there are" in found["secrets"][1]


def test_github_is_in_trouble(job: Team, hub: fake.GitHub) -> None:
    """A limit, a fault and a redirect each say so in their line; the other checks go on."""
    hub.replies = {
        "GET /labels": [Reply(status=429, message="slow down", headers={"Retry-After": "3600"})],
        "GET /codeowners/errors": [Reply(status=503, message="Service unavailable")] * 4,
    }
    ran = job.run("doctor", "github", "--format", "json")
    found = findings(ran)
    assert ran.code == 1
    assert set(found) == {"labels", "CODEOWNERS"}
    assert "start again after" in found["labels"][1]
    assert "(503): Service unavailable" in found["CODEOWNERS"][1]
    hub.renamed = 301
    assert job.run("doctor", "github").code == 0


def test_a_classic_token(job: Team, hub: fake.GitHub) -> None:
    """Its scopes are shown, and its end; more than is needed fails."""
    hub.headers = {
        "X-OAuth-Scopes": "repo, workflow",
        "GitHub-Authentication-Token-Expiration": "2026-12-31 00:00:00 UTC",
    }
    out = job.run("doctor", "github").out
    assert "a classic token with the scopes repo, workflow, until 2026-12-31 00:00:00 UTC" in out
    hub.headers = {"X-OAuth-Scopes": "admin:org, repo"}
    ran = job.run("doctor", "github", "--format", "json")
    assert findings(ran)["token"][1].endswith("use one without admin:org")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(status=401, message="Bad credentials"), "wrong, expired or revoked"),
        (Reply(status=404, message="Not Found"), "check GITHUB_REPOSITORY and GITHUB_TOKEN"),
    ],
)
def test_no_repository(job: Team, hub: fake.GitHub, reply: Reply, said: str) -> None:
    """A wrong token and a hidden repository are one line, and nothing more is asked."""
    hub.replies["GET "] = [reply]
    ran = job.run("doctor", "github")
    assert ran.code == 1
    assert said in ran.out
    assert hub.requests == ["GET "]


def test_the_ruleset_of_the_checkout(job: Team) -> None:
    """Whatever checks it requires are to be required on GitHub too."""
    ruleset = job.folder / ".github" / "rulesets" / "main.json"
    ruleset.parent.mkdir(parents=True)
    checks = [{"context": name} for name in ("Everything required has passed", "Another")]
    written = {"rules": [rule("required_status_checks", required_status_checks=checks)]}
    ruleset.write_text(json.dumps(written))
    ran = job.run("doctor", "github", "--format", "json")
    assert findings(ran)["required checks"][1].startswith("not required: Another; import ")


def test_a_branch_without_a_ruleset(job: Team, hub: fake.GitHub) -> None:
    """Classic protection is not checkable; none at all fails."""
    hub.documents["/rules/branches/main"] = []
    for protected, verdict in ((True, "not checkable from here"), (False, "failed")):
        hub.documents["/branches/main"] = {"name": "main", "protected": protected}
        ran = job.run("doctor", "github", "--format", "json")
        assert findings(ran)["rules"][0] == verdict


def test_protected_branches_only(job: Team, hub: fake.GitHub) -> None:
    """An environment for protected branches is limited well enough; reviewers are told."""
    policy = {"protected_branches": True, "custom_branch_policies": False}
    one = environment("production", policy)
    one["protection_rules"].append({"id": 2, "type": "required_reviewers", "reviewers": []})
    others = [environment("propose", CUSTOM)]
    hub.documents["/environments"] = {"total_count": 2, "environments": [one, *others]}
    ran = job.run("doctor", "github")
    assert ran.code == 0
    assert "for protected branches only, with required reviewers" in ran.out


def test_outside_of_github_actions(
    job: Team, hub: fake.GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repository is that of `origin`, the token gh's; without one, nothing is asked."""
    from tests.conftest import cloned

    monkeypatch.delenv("GITHUB_REPOSITORY")
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.delenv("GH_TOKEN", raising=False)
    assert "neither GITHUB_REPOSITORY nor" in job.run("doctor", "github").out
    cloned(job.folder, f"git@github.com:{REPOSITORY}.git")
    assert "there is no token" in job.run("doctor", "github").out
    assert hub.requests == []
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    assert f"{REPOSITORY}, private" in job.run("doctor", "github").out
