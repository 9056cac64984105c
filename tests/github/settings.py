"""A repository that is set up as docs/workflows.md says, in answers that GitHub documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlgitops.doctor.expected import LABELS
from tests.github.fake import REPOSITORY

if TYPE_CHECKING:
    from tests.github.fake import GitHub

VALUE = "https://mlflow.internal.example.org"  # of a variable


def named(key: str, *names: str, **more: Any) -> dict[str, Any]:
    """A list under a key."""
    return {"total_count": len(names), key: [{"name": name, **more} for name in names]}


def environment(name: str, policy: dict[str, bool] | None) -> dict[str, Any]:
    """An environment that the branches of a policy may use; all of them, if it is None."""
    rules = [{"id": 1, "type": "branch_policy"}] if policy else []
    return {"id": 1, "name": name, "protection_rules": rules, "deployment_branch_policy": policy}


CUSTOM = {"protected_branches": False, "custom_branch_policies": True}
PULL_REQUEST = {
    "required_approving_review_count": 1,
    "require_code_owner_review": True,
    "require_last_push_approval": True,
    "dismiss_stale_reviews_on_push": True,
}


def rule(kind: str, **parameters: Any) -> dict[str, Any]:
    """A rule for a branch."""
    source = {"ruleset_source_type": "Repository", "ruleset_source": REPOSITORY, "ruleset_id": 42}
    return {"type": kind, **source, **({"parameters": parameters} if parameters else {})}


def well_set_up(hub: GitHub) -> None:
    """Let a repository with a live registry be as it should."""
    both = ("USERNAME", "PASSWORD")
    production = [f"MLFLOW_TRACKING_{part}" for part in both]
    checks = [{"context": "Everything required has passed", "integration_id": 15368}]
    hub.documents = {
        "": {"full_name": REPOSITORY, "default_branch": "main", "visibility": "private"},
        "/actions/variables": named("variables", "MLFLOW_TRACKING_URI", value=VALUE),
        "/actions/organization-variables": named("variables"),
        "/environments": {
            "total_count": 2,
            "environments": [environment("production", CUSTOM), environment("propose", CUSTOM)],
        },
        **{
            f"/environments/{name}/deployment-branch-policies": named("branch_policies", "main")
            for name in ("production", "propose")
        },
        "/actions/secrets": named("secrets", *(f"MLFLOW_READER_{part}" for part in both)),
        "/actions/organization-secrets": named("secrets"),
        "/environments/production/secrets": named("secrets", *production),
        "/environments/propose/secrets": named(
            "secrets", "MLGITOPS_TOKEN", *(f"MLFLOW_TRAINER_{part}" for part in both)
        ),
        "/labels": [{"name": name, "color": "ededed"} for name in LABELS],
        "/rules/branches/main": [
            rule("deletion"),
            rule("non_fast_forward"),
            rule("pull_request", **PULL_REQUEST),
            rule("required_status_checks", required_status_checks=checks),
        ],
        "/actions/permissions/workflow": {
            "default_workflow_permissions": "read",
            "can_approve_pull_request_reviews": False,
        },
        "/codeowners/errors": {"errors": []},
    }
