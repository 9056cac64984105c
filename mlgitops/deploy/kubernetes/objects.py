"""The objects that serve a stage in Kubernetes, from what models.yaml declares. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlgitops.core.deployments import GitopsRepository, KubernetesNamespace
from mlgitops.core.stage import alias_of
from mlgitops.deploy.kubernetes import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.core.deployments import DesiredDeployment, Resources
    from mlgitops.deploy.values import Wanted

PORT = 8080  # of the server in the image
USER = 10001  # of the image
_HISTORY = 5  # ReplicaSets of former versions, to return to
_PRE_STOP = 3  # seconds for the Service to notice that a pod goes, before it stops to listen
_DRAIN = 30  # seconds for open requests
_GRACE = _PRE_STOP + _DRAIN + 7
_PREDICTION = 60  # seconds that the server allows for one, SERVING_TIMEOUT
# measured: with a scikit-learn model, 137 MiB when it has started, of which each process that
# predicts holds 113 MiB; it takes a hundredth of a core while nobody asks
_CPU = 250  # thousandths of a core
_MEMORY, _MEMORY_OF_EACH = 64 * 2**20, 128 * 2**20
_MOST_WORKERS = 8  # as the server chooses them
_UNITS = ((2**30, "Gi"), (2**20, "Mi"), (2**10, "Ki"))


def objects(
    deployment: DesiredDeployment,
    owner: str,
    wanted: Wanted,
    *,
    image: str,
    digest: str = "",
    about: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """What serves a version, in the order in which it is applied; the same for the same input.

    A Deployment, a Service, a NetworkPolicy; a PodDisruptionBudget where there are at least two
    replicas; a HorizontalPodAutoscaler where their number is a range: then the Deployment leaves
    their number to it.

    Args:
        deployment: of kind `kubernetes` or `gitops`; a namespace that is None is left out.
        owner: of the stages, as `Desired.owner` names it.
        wanted: with a version.
        image: `REPOSITORY@sha256:…`.
        digest: of the version's payload, `sha256:…`.
        about: what else is known of the promotion, such as `pull-request` and `actor`; annotations.
    """
    assert wanted.version is not None, "nothing is rendered for an empty stage"
    rendering = _Rendering(deployment, owner, wanted, image, digest, about or {})
    found = [rendering.deployment(), rendering.service(), rendering.network_policy()]
    replicas = deployment.replicas
    if replicas.least > 1:
        found.append(rendering.disruption_budget())
    if not replicas.fixed:
        found.append(rendering.autoscaler())
    return found


class _Rendering:
    """The objects of one stage, each by a method."""

    def __init__(
        self,
        deployment: DesiredDeployment,
        owner: str,
        wanted: Wanted,
        image: str,
        digest: str,
        about: Mapping[str, str],
    ) -> None:
        self._it, self._wanted, self._image = deployment, wanted, image
        self._name = names.name_of(wanted.model, wanted.stage)
        self._labels = names.labels(
            wanted.model,
            wanted.stage,
            str(wanted.version),
            owner=owner,
            deployment=deployment.name,
        )
        self._selector = names.selector(wanted.model, wanted.stage)
        self._annotations = names.annotated(
            {
                **about,
                "commit": wanted.commit,
                "digest": digest,
                "image": image,
                "model": wanted.model,
                "owner": owner,
                "stage": wanted.stage,
            }
        )

    def _object(self, api: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        place = self._it.place
        assert isinstance(place, KubernetesNamespace | GitopsRepository), "not of Docker"
        within = {"namespace": place.namespace} if place.namespace else {}
        return {
            "apiVersion": api,
            "kind": kind,
            "metadata": {
                "name": self._name,
                **within,
                "labels": dict(self._labels),
                "annotations": dict(self._annotations),
            },
            "spec": spec,
        }

    def deployment(self) -> dict[str, Any]:
        replicas = self._it.replicas
        number = {"replicas": replicas.least} if replicas.fixed else {}
        return self._object(
            "apps/v1",
            "Deployment",
            {
                **number,
                "revisionHistoryLimit": _HISTORY,
                "progressDeadlineSeconds": math.ceil(self._it.rollout.start_timeout) + 60,
                "selector": {"matchLabels": dict(self._selector)},
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
                },
                "template": {
                    "metadata": {
                        "labels": {**self._labels, **self._selector},
                        "annotations": dict(self._annotations),
                    },
                    "spec": self._pod(),
                },
            },
        )

    def service(self) -> dict[str, Any]:
        port: dict[str, Any] = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}
        node_port = self._it.ports.get((self._wanted.model, alias_of(self._wanted.stage)))
        if node_port is not None:
            port["nodePort"] = node_port
        kind = "ClusterIP" if node_port is None else "NodePort"
        return self._object(
            "v1", "Service", {"type": kind, "selector": dict(self._selector), "ports": [port]}
        )

    def network_policy(self) -> dict[str, Any]:
        """In: the server's port. Out: nothing, not even names; a model has no way out."""
        return self._object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            {
                "podSelector": {"matchLabels": {names.INSTANCE: self._name}},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"ports": [{"port": "http", "protocol": "TCP"}]}],
            },
        )

    def disruption_budget(self) -> dict[str, Any]:
        return self._object(
            "policy/v1",
            "PodDisruptionBudget",
            {
                "maxUnavailable": 1,
                "selector": {"matchLabels": dict(self._selector)},
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            },
        )

    def autoscaler(self) -> dict[str, Any]:
        replicas = self._it.replicas
        target = {"type": "Utilization", "averageUtilization": replicas.cpu}
        return self._object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            {
                "scaleTargetRef": {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "name": self._name,
                },
                "minReplicas": replicas.least,
                "maxReplicas": replicas.most,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            },
        )

    def _pod(self) -> dict[str, Any]:
        return {
            "automountServiceAccountToken": False,
            # else the Service `serving` would set SERVING_PORT
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": _GRACE,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": key,
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": dict(self._selector)},
                    "matchLabelKeys": ["pod-template-hash"],
                }
                for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
            ],
            "containers": [self._container()],
        }

    def _container(self) -> dict[str, Any]:
        start = self._it.rollout.start_timeout
        return {
            "name": "model",
            "image": self._image,
            "imagePullPolicy": "IfNotPresent",
            "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
            "env": [
                {"name": name, "value": value} for name, value in sorted(self._variables().items())
            ],
            "resources": resources(self._it.resources),
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "lifecycle": {"preStop": {"sleep": {"seconds": _PRE_STOP}}},
            # it listens once the model is loaded
            "startupProbe": _probe("/ping", period=1, timeout=2, failures=math.ceil(start)),
            # what hangs gets no more requests; the supervisor replaces it
            "readinessProbe": _probe("/ping", period=5, timeout=5, failures=2),
            # what even the supervisor cannot help; later than it may take to replace a process
            "livenessProbe": _probe(
                "/live", period=10, timeout=5, failures=math.ceil((_PREDICTION + start) / 10)
            ),
        }

    def _variables(self) -> dict[str, str]:
        commit = {"SERVING_COMMIT": self._wanted.commit} if self._wanted.commit else {}
        return {
            **self._it.environment,
            **commit,
            "SERVING_DRAIN": str(_DRAIN),
            "SERVING_IMAGE": self._image.rpartition("@")[2],
        }


def resources(chosen: Resources) -> dict[str, Any]:
    """Requests and limits of a replica; what nobody chose is what was measured."""
    cpu, memory = chosen.requested_cpu, chosen.requested_memory
    workers = min(max(1, chosen.cpu // 1000), _MOST_WORKERS)
    needed = _MEMORY + workers * _MEMORY_OF_EACH
    return {
        "requests": {
            "cpu": _cores(min(_CPU, chosen.cpu) if cpu is None else cpu),
            "memory": _bytes(min(needed, chosen.memory) if memory is None else memory),
        },
        "limits": {"cpu": _cores(chosen.cpu), "memory": _bytes(chosen.memory)},
    }


def _probe(path: str, *, period: int, timeout: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "http", "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }


def _cores(thousandths: int) -> str:
    """As Kubernetes writes it back.

    >>> _cores(250), _cores(2000)
    ('250m', '2')
    """
    whole, rest = divmod(thousandths, 1000)
    return f"{thousandths}m" if rest else str(whole)


def _bytes(number: int) -> str:
    """As Kubernetes writes it back.

    >>> _bytes(2**30), _bytes(1536 * 2**20), _bytes(1000)
    ('1Gi', '1536Mi', '1k')
    """
    for unit, name in _UNITS:
        if number % unit == 0:
            return f"{number // unit}{name}"
    whole, rest = divmod(number, 1000)
    return str(number) if rest else f"{whole}k"
