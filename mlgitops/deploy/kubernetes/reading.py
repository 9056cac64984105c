"""What is in a namespace, how it stands, and how it differs from what is to be there."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlgitops.deploy.kubernetes import names
from mlgitops.deploy.kubernetes.names import annotation, condition, label
from mlgitops.deploy.values import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlgitops.deploy.kubernetes.client import Namespace

KINDS = (
    *("Deployment", "Service", "NetworkPolicy"),
    *("PodDisruptionBudget", "HorizontalPodAutoscaler"),
)
ROLLOUT = "rollout"  # an annotation of a Deployment whose rollout has not been judged yet
PROVEN = "proven"  # one with the digests of images that served there, the newest first
_COMMIT = "spec.template.metadata.annotations.mlgitops/commit"
# what follows from the version, the image and the commit
_FOLLOWS = (
    *("metadata.", "spec.template.metadata."),
    "spec.template.spec.containers[model].env[SERVING_",
)
_SHORT = ("spec.template.spec.containers[model].", "spec.template.spec.", "spec.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The objects of one name, by kind."""

    name: str
    objects: Mapping[str, Mapping[str, Any]]

    @property
    def deployment(self) -> Mapping[str, Any] | None:
        """What runs the pods; None if it is not there."""
        return self.objects.get("Deployment")

    @property
    def first(self) -> Mapping[str, Any]:
        """One of them, the Deployment if it is there."""
        return self.deployment or next(iter(self.objects.values()))

    def said(self, name: str) -> str:
        """One of their annotations."""
        return annotation(self.first, name)

    @property
    def version(self) -> str:
        """The version that serves, or is to; empty if none is."""
        return label(self.deployment, names.VERSION) if self.deployment else ""

    @property
    def image(self) -> str:
        """The image that the pods run, whoever has set it."""
        return str(container(self.deployment)["image"]) if self.deployment else ""

    @property
    def own_image(self) -> str:
        """The image that a deployment of ours has set, even if somebody else has changed it."""
        return self.said("image")

    @property
    def proven(self) -> tuple[str, ...]:
        """The digests of images that served there, the newest first."""
        return tuple(self.said(PROVEN).split())


def read(namespace: Namespace) -> dict[str, Found]:
    """All objects of the kinds that a deployment is made of, whoever has made them, by name.

    Raises:
        PlaceUnreachableError, ClusterError: they cannot be listed.
    """
    found: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for kind in KINDS:
        for one in namespace.listed(kind):
            found[one["metadata"]["name"]][kind] = one
    return {name: Found(name=name, objects=objects) for name, objects in found.items()}


def container(deployment: Mapping[str, Any]) -> Mapping[str, Any]:
    """The model's container, in a Deployment or a ReplicaSet."""
    every = deployment["spec"]["template"]["spec"]["containers"]
    found: Mapping[str, Any] = next((one for one in every if one["name"] == "model"), every[0])
    return found


def rolled_out(deployment: Mapping[str, Any]) -> bool:
    """Whether all replicas are of the newest form, available, and no other is left."""
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    return (
        settled(deployment)
        and status.get("replicas", 0) == status.get("availableReplicas", 0)
        and status.get("availableReplicas", 0) >= wanted
    )


def settled(deployment: Mapping[str, Any]) -> bool:
    """Whether all replicas that there are have the newest form, whether they answer or not."""
    status = deployment.get("status", {})
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
        and status.get("updatedReplicas", 0) == status.get("replicas", 0)
    )


def standing(deployment: Mapping[str, Any]) -> tuple[State, str]:
    """How it stands, and why not better."""
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    ready = status.get("readyReplicas", 0)
    if annotation(deployment, ROLLOUT):
        return State.REPLACING, "its rollout has not been judged yet"
    if wanted and not ready:
        return State.DOWN, _why(deployment)
    if not settled(deployment):
        return State.REPLACING, ""
    if ready < wanted:
        return State.DEGRADED, _why(deployment)
    return State.SERVING, ""


def since(deployment: Mapping[str, Any]) -> str:
    """When its newest form was rolled out; empty if it was not."""
    one = condition(deployment, "Progressing")
    done = one.get("reason") == "NewReplicaSetAvailable"
    return str(one.get("lastUpdateTime", "")) if done else ""


def differences(rendered: Iterable[Mapping[str, Any]], found: Found) -> Iterator[str]:
    """What is to be changed of objects that are there, a line each; nothing of what is not ours."""
    kinds = {one["kind"]: one for one in rendered}
    for kind, one in kinds.items():
        there = found.objects.get(kind)
        if there is None:
            yield f"{kind}: new"
            continue
        compared = {part: one[part] for part in ("metadata", "spec")}
        for path, old, new in differing(compared, there):
            if path == _COMMIT:
                yield f"commit: {old} → {new}"
            elif not path.startswith(_FOLLOWS):
                yield f"{_said(kind, path)}: {old} → {new}"
    for kind, one in found.objects.items():
        if kind not in kinds and label(one, names.MANAGED_BY) == names.MANAGER:
            yield f"{kind}: removed"


def differing(wanted: Any, there: Any, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Where what is there does not say what is wanted: path, what it says, what it should."""
    if isinstance(wanted, dict):
        fields = there if isinstance(there, dict) else {}
        for key, value in wanted.items():
            yield from differing(value, fields.get(key), f"{path}.{key}" if path else key)
    elif isinstance(wanted, list) and all(isinstance(one, dict) for one in wanted):
        items = there if isinstance(there, list) else []
        by_name = {one.get("name"): one for one in items}
        for index, value in enumerate(wanted):
            nth = items[index] if index < len(items) else None
            other = by_name.get(value["name"]) if "name" in value else nth
            yield from differing(value, other, f"{path}[{value.get('name', index)}]")
    elif wanted != there:
        yield path, "none" if there is None else there, wanted


def _said(kind: str, path: str) -> str:
    """A field as people name it."""
    if kind != "Deployment":
        return f"{kind} {path.removeprefix('spec.')}"
    start = next((one for one in _SHORT if path.startswith(one)), "")
    return path.removeprefix(start)


def _why(deployment: Mapping[str, Any]) -> str:
    for kind, wrong in (("ReplicaFailure", True), ("Available", False)):
        one = condition(deployment, kind)
        if one and (one["status"] == "True") == wrong:
            return str(one.get("message", ""))
    return ""
