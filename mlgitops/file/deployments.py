"""The form of `deployments` in models.yaml, and what it says as values."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from mlgitops.core.deployments import (
    Canary,
    DesiredDeployment,
    DockerHosts,
    Engine,
    GitopsRepository,
    KubernetesNamespace,
    Place,
    Replicas,
    Resources,
    Rollout,
)
from mlgitops.core.deployments import Field as FieldOfFile
from mlgitops.core.stage import alias_of
from mlgitops.gates.form import Form, StageName, Text
from mlgitops.gates.units import DELAY, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.errors import Where

DEPLOYMENTS, IMAGES = "deployments", "images"
_MILLI = 1000
_UNITS = {"Mi": 2**20, "Gi": 2**30}
# RFC 1123: the names of Kubernetes' objects, and as much of them as labels hold
DeploymentName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
_Label = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
_Port = Annotated[int, Field(ge=1, le=65535)]
_Delay = Annotated[str, Field(pattern=DELAY)]
_Memory = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,6}(Mi|Gi)$")]
_Count = Annotated[int, Field(ge=1, le=1000)]
_Cpu = Annotated[
    Annotated[float, Field(ge=0.001, le=1000, allow_inf_nan=False), Tag("<cores>")]
    | Annotated[str, Field(pattern=r"^[1-9][0-9]{0,6}m$"), Tag("<thousandths>")],
    Discriminator(lambda value: "<thousandths>" if isinstance(value, str) else "<cores>"),
]
_Relative = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
_OF_RESOURCES = MappingProxyType(
    {
        "cpu": "a number of cores, such as 0.5, or thousandths of one, such as 500m",
        "memory": "a whole number of Mi or Gi, such as 512Mi",
    }
)


# as a default, made without a check, which would make validators on each import
class RequestsForm(Form):
    """What a cluster keeps free for a replica."""

    asks: ClassVar[Mapping[str, str]] = _OF_RESOURCES

    cpu: _Cpu | None = None
    memory: _Memory | None = None


class ResourcesForm(Form):
    """What a replica may use."""

    asks: ClassVar[Mapping[str, str]] = _OF_RESOURCES

    cpu: Annotated[_Cpu, Field(description="the limit: 0.5, or 500m")] = 1.0
    memory: Annotated[_Memory, Field(description="the limit: 512Mi, 1Gi")] = "1Gi"
    requests: Annotated[
        RequestsForm, Field(description="what a cluster keeps free; measured if not given")
    ] = RequestsForm.model_construct()


class RangeForm(Form):
    """As many replicas as the load needs."""

    min: _Count
    max: _Count
    cpu: Annotated[
        int, Field(ge=1, le=100, description="per cent of requests.cpu at which there are more")
    ] = 70


class CanaryForm(Form):
    """A trial on a part of the traffic."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType({"for": "a time, such as 60s or 5m"})

    share: Annotated[int, Field(ge=1, le=50, description="per cent of the requests")]
    time: Annotated[_Delay, Field(alias="for", description="how long: 60s, 5m")] = "60s"


class RolloutForm(Form):
    """How a version takes the place of another."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"start_timeout": "a time, such as 180s", "watch": "a time, such as 30s"}
    )

    start_timeout: Annotated[
        _Delay, Field(description="how long a new version may take to be ready")
    ] = "180s"
    watch: Annotated[
        _Delay, Field(description="how long the old version stands by after the change")
    ] = "5s"
    canary: Annotated[
        CanaryForm | None,
        Field(description="first send it a part of the requests; Docker hosts only"),
    ] = None


def _replicas_kind(value: object) -> str:
    return "<range>" if isinstance(value, dict) else "<number>"


_PortsOfModel = Annotated[
    Annotated[_Port, Tag("<port>")] | Annotated[dict[StageName, _Port], Tag("<stages>")],
    Discriminator(lambda value: "<stages>" if isinstance(value, dict) else "<port>"),
]


_NAME = "lower-case letters, digits and '-', such as farm-models, as Kubernetes names things"
_OF_EVERY_KIND = MappingProxyType(
    {
        "environment": "the name of a variable, such as OMP_NUM_THREADS, and its text in quotes",
        "namespace": _NAME,
    }
)


class PlaceForm(Form):
    """What every kind of deployment has."""

    asks: ClassVar[Mapping[str, str]] = _OF_EVERY_KIND

    stages: Annotated[
        list[StageName], Field(description="the stages that it serves; [] removes all that it has")
    ]
    models: Annotated[
        list[Text] | None, Field(description="their models; all that have such a stage by default")
    ] = None
    ports: Annotated[
        dict[Text, _PortsOfModel],
        Field(
            default_factory=dict,
            description="model → port at which it is reached, or stage → port where it has "
            "several; Docker hosts need one",
        ),
    ]
    replicas: Annotated[
        Annotated[_Count, Tag("<number>")] | Annotated[RangeForm, Tag("<range>")],
        Discriminator(_replicas_kind),
        Field(description="what serves a version; up to 16 on a Docker host"),
    ] = 1
    resources: ResourcesForm = ResourcesForm.model_construct()
    rollout: RolloutForm = RolloutForm.model_construct()
    environment: Annotated[
        dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str],
        Field(default_factory=dict, description="variables of the containers; no secrets"),
    ]


class DockerForm(PlaceForm):
    """Docker hosts."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            **_OF_EVERY_KIND,
            "hosts": "ssh://host, tcp://host:port or unix:///path, as in DOCKER_HOST",
        }
    )

    kind: Literal["docker"]
    hosts: Annotated[
        list[Annotated[str, Field(pattern=r"^(ssh|tcp|unix)://[^\s]+$")]],
        Field(
            default_factory=list,
            description="ssh://host, tcp://host:port or unix:///path; by default DOCKER_HOST, "
            "or the docker command's own",
        ),
    ]
    bind: Annotated[
        Text,
        Field(
            description="the address that callers reach; the default is for a proxy of your own on "
            "the host, which handles TLS and logins"
        ),
    ] = "127.0.0.1"
    keep_images: Annotated[
        int,
        Field(
            ge=0,
            le=100,
            description="images of former versions that stay on a host for a rollback; older ones "
            "are removed unless a container or another deployment uses them",
        ),
    ] = 1
    tls_cert: Annotated[
        _Relative | None,
        Field(description="a PEM file with certificate, chain and key, without a password"),
    ] = None
    token_file: Annotated[
        _Relative | None,
        Field(description="one token a line; callers send one as Authorization: Bearer TOKEN"),
    ] = None


class KubernetesForm(PlaceForm):
    """A namespace of a cluster."""

    kind: Literal["kubernetes"]
    context: Annotated[
        Text | None, Field(description="of the kubeconfig; the pod's service account by default")
    ] = None
    namespace: Annotated[_Label, Field(description="of the objects; it must exist")]


class FieldForm(Form):
    """A value in a YAML file of the team's own."""

    file: Annotated[_Relative, Field(description="in the folder of the deployment")]
    path: Annotated[Text, Field(description="keys from the root, joined by dots: image.digest")]


class EngineForm(Form):
    """The object of Flux or Argo CD that applies the repository."""

    asks: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"for": "a time, such as 5m", "namespace": _NAME}
    )

    kind: Literal["Kustomization", "Application"]
    name: Annotated[Text, Field(description="of the object")]
    namespace: Annotated[_Label, Field(description="of the object")]
    context: Annotated[
        Text | None, Field(description="of the kubeconfig; the pod's service account by default")
    ] = None
    time: Annotated[_Delay, Field(alias="for", description="how long to wait: 5m")] = "5m"


class GitopsForm(PlaceForm):
    """A repository that Flux or Argo CD applies."""

    kind: Literal["gitops"]
    repository: Annotated[Text, Field(description="as git clone takes it")]
    branch: Annotated[Text, Field(description="that the engine follows")] = "main"
    path: Annotated[_Relative, Field(description="the folder in the repository")] = "."
    namespace: Annotated[
        _Label | None, Field(description="of the objects; the engine says it by default")
    ] = None
    pull_request: Annotated[
        bool, Field(description="ask for a merge instead of pushing to the branch")
    ] = False
    set: Annotated[
        FieldForm | None, Field(description="write the image's digest there and nothing else")
    ] = None
    wait: Annotated[
        EngineForm | None, Field(description="until this object has applied the commit")
    ] = None


FORMS: Mapping[str, type[PlaceForm]] = MappingProxyType(
    {"docker": DockerForm, "kubernetes": KubernetesForm, "gitops": GitopsForm}
)


def _kind(value: object) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else None
    return f"<{kind}>" if kind in FORMS else None


# the tags are written as those of gates are, in mlgitops.gates.metric
DeploymentForm = Annotated[
    Annotated[DockerForm, Tag("<docker>")]
    | Annotated[KubernetesForm, Tag("<kubernetes>")]
    | Annotated[GitopsForm, Tag("<gitops>")],
    Discriminator(_kind),
]


_LISTED = ("environment", "hosts")  # what is said of a place's key holds for each entry


def form_at(data: object, keys: tuple[object, ...]) -> type[Form] | None:
    """The form of the mapping at some keys below a deployment; None for what is none."""
    kind = data.get("kind") if isinstance(data, dict) else None
    if not keys or keys[0] in _LISTED:
        return FORMS.get(kind, PlaceForm) if isinstance(kind, str) else PlaceForm
    inner: dict[tuple[object, ...], type[Form]] = {
        ("replicas",): RangeForm,
        ("resources",): ResourcesForm,
        ("resources", "requests"): RequestsForm,
        ("rollout",): RolloutForm,
        ("rollout", "canary"): CanaryForm,
        ("set",): FieldForm,
        ("wait",): EngineForm,
    }
    return inner.get(keys)


def deployment(name: str, form: PlaceForm, where: Where) -> DesiredDeployment:
    """What the file says of one, as a value."""
    return DesiredDeployment(
        name=name,
        place=_place(form),
        stages=tuple(form.stages),
        models=None if form.models is None else tuple(form.models),
        ports=MappingProxyType(_ports(form)),
        replicas=_replicas(form.replicas),
        resources=_resources(form.resources),
        rollout=_rollout(form.rollout),
        environment=MappingProxyType(form.environment),
        where=where,
    )


def _place(form: PlaceForm) -> Place:
    if isinstance(form, DockerForm):
        return DockerHosts(
            hosts=tuple(form.hosts),
            bind=form.bind,
            keep_images=form.keep_images,
            tls_cert=form.tls_cert,
            token_file=form.token_file,
        )
    if isinstance(form, KubernetesForm):
        return KubernetesNamespace(namespace=form.namespace, context=form.context)
    assert isinstance(form, GitopsForm), "one of FORMS"
    wait, field = form.wait, form.set
    return GitopsRepository(
        repository=form.repository,
        branch=form.branch,
        path=form.path,
        namespace=form.namespace,
        pull_request=form.pull_request,
        field=FieldOfFile(file=field.file, path=field.path) if field else None,
        engine=Engine(
            kind=wait.kind,
            name=wait.name,
            namespace=wait.namespace,
            context=wait.context,
            seconds=seconds(wait.time),
        )
        if wait
        else None,
    )


def _ports(form: PlaceForm) -> dict[tuple[str, str], int]:
    found = {}
    for model, given in form.ports.items():
        by_stage = given if isinstance(given, dict) else dict.fromkeys(form.stages, given)
        found.update({(model, alias_of(stage)): port for stage, port in by_stage.items()})
    return found


def _replicas(given: int | RangeForm) -> Replicas:
    if isinstance(given, RangeForm):
        return Replicas(least=given.min, most=given.max, cpu=given.cpu)
    return Replicas(least=given, most=given)


def _resources(form: ResourcesForm) -> Resources:
    asked = form.requests
    return Resources(
        cpu=_thousandths(form.cpu),
        memory=_bytes(form.memory),
        requested_cpu=None if asked.cpu is None else _thousandths(asked.cpu),
        requested_memory=None if asked.memory is None else _bytes(asked.memory),
    )


def _rollout(form: RolloutForm) -> Rollout:
    tried = form.canary
    return Rollout(
        start_timeout=seconds(form.start_timeout),
        watch=seconds(form.watch),
        canary=Canary(share=tried.share, seconds=seconds(tried.time)) if tried else None,
    )


def _thousandths(cpu: float | str) -> int:
    return int(cpu.removesuffix("m")) if isinstance(cpu, str) else round(cpu * _MILLI)


def _bytes(memory: str) -> int:
    match = re.fullmatch(r"(\d+)(Mi|Gi)", memory)
    assert match, "of the form's pattern"
    return int(match[1]) * _UNITS[match[2]]
