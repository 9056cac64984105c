"""The form of what the verbs on images and servers report."""

from typing import Literal

from typing_extensions import TypedDict


class Request(TypedDict):
    """One request of a smoke test."""

    request: str
    expected: str
    actual: str
    outcome: Literal["passed", "warned", "failed"]
    milliseconds: float


class Smoke(TypedDict):
    """`mlgitops smoke` and `mlgitops image smoke`."""

    version: Literal[1]
    kind: Literal["smoke"]
    url: str
    model_uri: str
    passed: bool
    checks: list[Request]


class Image(TypedDict):
    """`mlgitops image build`."""

    version: Literal[1]
    kind: Literal["image"]
    tags: list[str]
    id: str
    bytes: int


class ScanFinding(TypedDict):
    """A line of a scan's verdict."""

    outcome: Literal["passed", "warned", "failed", "not checked"]
    check: str
    found: str


class Vulnerability(TypedDict):
    """A known vulnerability of a package, and the versions that do not have it."""

    package: str
    version: str
    identity: str
    aliases: list[str]
    fixed: list[str]


class Vulnerabilities(TypedDict):
    """Known vulnerabilities, and why they were not all asked for."""

    unchecked: str | None
    found: list[Vulnerability]


class Secret(TypedDict):
    """Where a secret lies in an image; its value is kept nowhere."""

    layer: str
    path: str
    line: int
    kind: str
    published: str | None


class Scan(TypedDict):
    """`mlgitops image scan`; `licences` names the packages of each."""

    version: Literal[1]
    kind: Literal["scan"]
    image: str
    id: str
    passed: bool
    checks: list[ScanFinding]
    licences: dict[str, list[str]]
    vulnerabilities: Vulnerabilities
    secrets: list[Secret]


class Occupant(TypedDict):
    """A version in one of a deployment's two slots."""

    slot: Literal["blue", "green"]
    container: str
    image: str
    version: str
    registry: str
    started: str
    healthy: bool
    memory: str
    cpus: str
    weight: int
    requests: int
    errors: int
    busy: int
    up: bool


class Deployment(TypedDict):
    """What serves a stage on a host; `held` is the version that the registry's stage holds."""

    name: str
    model: str
    stage: str
    url: str
    registry: str
    slots: list[Occupant]
    held: str
    state: Literal["serving", "behind", "replacing", "down", "empty"]


class Deployments(TypedDict):
    """`mlgitops deploy --status`."""

    version: Literal[1]
    kind: Literal["deployments"]
    deployments: list[Deployment]
