"""What the workflows expect of a repository on GitHub: variables, secrets, labels, rules.

docs/workflows.md explains each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from mlgitops.core.permissions import LABELS as ALLOWING
from mlgitops.github import drift, way_back
from mlgitops.github.labels import APPROVERS
from mlgitops.system import files

if TYPE_CHECKING:
    from pathlib import Path

REGISTRY, LOGIN, IMAGES, HOST = (
    "MLFLOW_TRACKING_URI",
    "MLGITOPS_LOGIN",
    "MLGITOPS_IMAGES",
    "MLGITOPS_DEPLOY_HOST",
)
RULESET = ".github/rulesets/main.json"
PRODUCTION, PROPOSE = "production", "propose"
ENVIRONMENTS = (PRODUCTION, PROPOSE)
LABELS = (*sorted(ALLOWING), drift.LABEL, way_back.LABEL)
OURS = ("MLFLOW_", "MLGITOPS_", "DRIFT_")  # how the names of our variables begin
VARIABLES = (
    *(REGISTRY, "MLFLOW_REGISTRY_URI", "MLFLOW_WORKSPACE", "DRIFT_HEAL", APPROVERS),
    *(IMAGES, HOST, "MLGITOPS_DEPLOY_KNOWN_HOSTS", LOGIN, "MLGITOPS_RUNNER", "MLGITOPS_SITE"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """A secret of the workflows.

    Attributes:
        environment: whose jobs alone are to see it; empty for one of the repository.
        needed_by: the variable that makes it needed; empty for one that is needed in any case.
        unless: the variable that does without it.
        optional: nothing on GitHub tells whether it is needed.
    """

    name: str
    environment: str
    needed_by: str = ""
    unless: str = ""
    optional: bool = False


SECRETS = (
    Secret(name="MLGITOPS_TOKEN", environment=PROPOSE),
    *(
        Secret(name=f"{prefix}_{part}", environment=place, needed_by=REGISTRY, unless=LOGIN)
        for prefix, place in (
            ("MLFLOW_READER", ""),
            ("MLFLOW_TRACKING", PRODUCTION),
            ("MLFLOW_TRAINER", PROPOSE),
        )
        for part in ("USERNAME", "PASSWORD")
    ),
    *(
        Secret(name=f"MLGITOPS_IMAGES_{part}", environment=PRODUCTION, needed_by=IMAGES)
        for part in ("USERNAME", "PASSWORD")
    ),
    Secret(name="MLGITOPS_DEPLOY_KEY", environment=PRODUCTION, needed_by=HOST),
    *(
        Secret(name=f"MLGITOPS_{name}", environment=PRODUCTION, optional=True)
        for name in ("KUBECONFIG", "GITOPS_TOKEN")
    ),
)


class _Check(BaseModel):
    context: str


class _Parameters(BaseModel):
    required_status_checks: tuple[_Check, ...] = ()


class _Rule(BaseModel):
    type: str
    parameters: _Parameters = _Parameters()


class _Ruleset(BaseModel):
    """What of a ruleset is read; the form is that of GitHub's export."""

    rules: tuple[_Rule, ...] = ()


def required_checks(folder: Path) -> tuple[str, ...]:
    """The checks that the ruleset in a checkout requires; none where there is no such file."""
    try:
        found = _Ruleset.model_validate_json(files.read_bytes(folder / RULESET, limit=2**20))
    except (OSError, ValidationError):
        return ()
    return tuple(
        check.context for rule in found.rules for check in rule.parameters.required_status_checks
    )
