"""The form of what the verbs on images and servers report."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasPath, BeforeValidator, Field

from mlgitops.deploy.values import Action, State
from mlgitops.report.schema.form import Form


class Request(Form):
    """One request of a smoke test."""

    request: str
    expected: str
    actual: str
    outcome: Literal["passed", "warned", "failed"]
    milliseconds: float


class Smoke(Form):
    """`mlgitops smoke` and `mlgitops image smoke`."""

    version: Literal[1] = 1
    kind: Literal["smoke"] = "smoke"
    url: str
    model_uri: str
    passed: Annotated[bool, BeforeValidator(lambda failed: not failed)] = Field(
        validation_alias="failed"
    )
    checks: list[Request]


class Image(Form):
    """`mlgitops image build`."""

    version: Literal[1] = 1
    kind: Literal["image"] = "image"
    tags: list[str]
    id: str = Field(validation_alias="identity")
    bytes: int = Field(validation_alias="size")


class ScanFinding(Form):
    """A line of a scan's verdict."""

    outcome: Literal["passed", "warned", "failed", "not checked"]
    check: str
    found: str


class Vulnerability(Form):
    """A known vulnerability of a package, and the versions that do not have it."""

    package: str
    version: str
    identity: str
    aliases: list[str]
    fixed: list[str]


class Vulnerabilities(Form):
    """Known vulnerabilities, and why they were not all asked for."""

    unchecked: str | None
    found: list[Vulnerability]


class Secret(Form):
    """Where a secret lies in an image; its value is kept nowhere."""

    layer: str
    path: str
    line: int
    kind: str
    published: str | None


def _secrets(search: Any) -> Any:
    return [*search.leaks, *search.published]


class Scan(Form):
    """`mlgitops image scan`; `licences` names the packages of each."""

    version: Literal[1] = 1
    kind: Literal["scan"] = "scan"
    image: str = Field(validation_alias=AliasPath("image", "tag"))
    id: str = Field(validation_alias=AliasPath("image", "identity"))
    passed: Annotated[bool, BeforeValidator(lambda failed: not failed)] = Field(
        validation_alias="failed"
    )
    checks: list[ScanFinding]
    licences: dict[str, list[str]]
    vulnerabilities: Vulnerabilities = Field(validation_alias="audit")
    secrets: Annotated[list[Secret], BeforeValidator(_secrets)] = Field(validation_alias="search")


class Served(Form):
    """What really serves a stage in one place; empty texts are what is not known or not there."""

    deployment: str
    place: str
    model: str
    stage: str
    state: State
    version: str
    digest: str
    image: str
    commit: str
    ready: int
    replicas: int
    url: str
    since: str
    note: str


class Step(Form):
    """What is to be done for a stage in one place; nothing is done where there is a trouble."""

    action: Action
    deployment: str
    place: str
    model: str
    stage: str
    old: str
    new: str
    details: list[str]
    trouble: str


class DeployPlan(Form):
    """`mlgitops deploy --plan`."""

    version: Literal[1] = 1
    kind: Literal["deploy-plan"] = "deploy-plan"
    pending: bool
    steps: list[Step]


class Outcome(Form):
    """What became of a step."""

    step: Step
    error: str
    exit_code: int
    url: str
    remark: str


class Deploy(Form):
    """`mlgitops deploy`."""

    version: Literal[1] = 1
    kind: Literal["deploy"] = "deploy"
    outcomes: list[Outcome]
