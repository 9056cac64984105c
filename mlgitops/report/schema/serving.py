"""The form of what the verbs on images and servers report."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasPath, BeforeValidator, Field

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


class Occupant(Form):
    """A version in one of a deployment's two slots; figures are sums over its containers."""

    slot: Literal["blue", "green"]
    container: str
    containers: list[str]
    ready: int
    image: str
    version: str
    digest: str
    commit: str
    registry: str
    started: str
    healthy: bool
    memory: str = Field(validation_alias=AliasPath("settings", "memory"))
    cpus: str = Field(validation_alias=AliasPath("settings", "cpus"))
    replicas: int = Field(validation_alias=AliasPath("settings", "replicas"))
    weight: int
    requests: int
    errors: int
    busy: int
    up: bool


class Deployment(Form):
    """What serves a stage on a host; `held` is the version that the registry's stage holds."""

    name: str = Field(validation_alias=AliasPath("deployment", "name"))
    model: str = Field(validation_alias=AliasPath("deployment", "model"))
    stage: str = Field(validation_alias=AliasPath("deployment", "stage"))
    url: str = Field(validation_alias=AliasPath("deployment", "url"))
    registry: str = Field(validation_alias=AliasPath("deployment", "registry"))
    slots: list[Occupant] = Field(validation_alias=AliasPath("deployment", "slots"))
    held: str
    state: Literal["serving", "behind", "degraded", "replacing", "down", "empty"] = Field(
        validation_alias="word"
    )


class Deployments(Form):
    """`mlgitops deploy --status`."""

    version: Literal[1] = 1
    kind: Literal["deployments"] = "deployments"
    deployments: list[Deployment]
