"""A rolling update that is watched: by what keeps pods from serving, and by what callers get."""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlgitops.deploy import failures
from mlgitops.deploy.judge import failing, slower
from mlgitops.deploy.kubernetes import names, pods, reading, told
from mlgitops.errors.deploying import ClusterRequestError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from mlgitops.core.deployments import Rollout
    from mlgitops.deploy.kubernetes.client import Namespace
    from mlgitops.deploy.kubernetes.meters import Meters
    from mlgitops.deploy.kubernetes.reading import Found

_PAUSE = 1.0
_SLOWER = 3.0  # times as long; a replica that has just started is not yet as fast as it will be
_ENOUGH = 100  # requests to compare how long they take
_SECONDS = 60.0  # for the cluster to notice what is asked of it
_HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """A Deployment whose rolling update is watched.

    Attributes:
        rollout: how long its pods may take.
        lost: set if another deploy has begun.
    """

    namespace: Namespace
    name: str
    rollout: Rollout
    lost: threading.Event
    say: Callable[[str], None]

    def read(self) -> dict[str, Any]:
        """The Deployment.

        Raises:
            ClusterRequestError: somebody has removed it.
        """
        found = self.namespace.get("Deployment", self.name)
        if found is None:
            raise ClusterRequestError(f"{self.namespace}: somebody removed {self.name}")
        return found

    def newest(self) -> Mapping[str, Any]:
        """The ReplicaSet of its newest form, once there is one."""
        deadline = time.monotonic() + _SECONDS
        while True:
            deployment = self.read()
            seen = deployment.get("status", {}).get("observedGeneration", 0)
            if seen >= deployment["metadata"]["generation"]:
                revision = deployment["metadata"].get("annotations", {}).get(_REVISION)
                for one in sets(self.namespace, deployment):
                    if one["metadata"].get("annotations", {}).get(_REVISION) == revision:
                        return one
            if time.monotonic() > deadline:
                raise failures.unreachable(
                    str(self.namespace), f"no controller takes up the Deployment {self.name}"
                )
            time.sleep(_PAUSE / 4)

    def pods(self) -> list[dict[str, Any]]:
        """Those that serve."""
        selector = f"{names.INSTANCE}={self.name},{names.ROLE}={names.SERVING}"
        return list(self.namespace.listed("Pod", selector))


def sets(namespace: Namespace, deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The ReplicaSets of a Deployment, the newest first."""
    selector = f"{names.INSTANCE}={deployment['metadata']['name']}"
    mine = [
        one
        for one in namespace.listed("ReplicaSet", selector)
        if any(
            owner["uid"] == deployment["metadata"]["uid"]
            for owner in one["metadata"].get("ownerReferences", ())
        )
    ]
    return sorted(
        mine,
        key=lambda one: int(one["metadata"].get("annotations", {}).get(_REVISION, 0)),
        reverse=True,
    )


def watch(watched: Watched, meters: Meters, *, judged: bool, seconds: float) -> str:
    """Follow a rolling update to its end, and for some seconds more; what is to be said of it.

    Args:
        watched: what is watched.
        meters: which have read the pods of the old version, if there is one.
        judged: compare with the old version.
        seconds: to watch beyond its end.

    Raises:
        DeployFailedError: the new version does not start, fails, or is too slow.
        NoRoomError, ImagePullError, PolicyRefusedError: the cluster does not take it.
        DeployUnderWayError: another deploy has begun.
        PlaceUnreachableError, ClusterError: the cluster did not answer.
    """
    mark = watched.newest()["metadata"]["labels"][_HASH]
    follower = _Follower(watched, meters, mark, judged=judged)
    while not follower.look():
        time.sleep(_PAUSE)
    watched.say(f"watching it for {seconds:g} s" if judged and seconds else "it serves")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(min(_PAUSE, max(0.0, until - time.monotonic())))
        follower.look()
    return follower.verdict()


class _Follower:
    """Looks at a rolling update again and again."""

    def __init__(self, watched: Watched, meters: Meters, mark: str, *, judged: bool) -> None:
        self._it, self._meters, self._mark, self._judged = watched, meters, mark, judged
        self._seen: dict[str, float] = {}  # since when pods are not ready
        self._new: set[str] = set()
        self._old: set[str] = set()

    def look(self) -> bool:
        """Whether it has come to its end; raises if it is not to go on."""
        if self._it.lost.is_set():
            raise failures.under_way(str(self._it.namespace), "it took the lease over")
        deployment = self._it.read()
        found = self._it.pods()
        fresh = [one for one in found if one["metadata"]["labels"].get(_HASH) == self._mark]
        for pod in fresh:
            self._check(pod)
        self._refused(deployment)
        self._read(found, fresh)
        return reading.rolled_out(deployment)

    def verdict(self) -> str:
        """What is to be said of the version, at the end."""
        new, old = self._meters.trial(self._new), self._meters.trial(self._old)
        enough = self._judged and min(new.requests, old.requests) >= _ENOUGH
        if enough and (said := slower(new, old, _SLOWER)):
            raise failures.slow(said)
        return f"{new}; old version: {old}" if self._judged and new.requests else ""

    def _check(self, pod: Mapping[str, Any]) -> None:
        name, now = str(pod["metadata"]["name"]), time.monotonic()
        if "deletionTimestamp" in pod["metadata"]:
            return
        patience = self._it.rollout.start_timeout
        late = not pods.is_ready(pod) and now - self._seen.setdefault(name, now) > patience
        if pods.is_ready(pod):
            self._seen.pop(name, None)
        if trouble := pods.trouble(self._it.namespace, pod, late=late):
            raise trouble
        if late:
            raise failures.not_ready(patience, self._it.namespace.logs(name, "model"))

    def _refused(self, deployment: Mapping[str, Any]) -> None:
        """Whether pods of it cannot even be created."""
        one = names.condition(deployment, "ReplicaFailure")
        if one.get("status") == "True":
            said = str(one.get("message", one.get("reason", "")))
            raise told.refusal(said) or ClusterRequestError(f"{self._it.namespace}: {said}")

    def _read(self, found: Sequence[Mapping[str, Any]], fresh: Sequence[Mapping[str, Any]]) -> None:
        """Read what they have counted, and compare."""
        if not self._judged:
            return
        new = [_name(one) for one in fresh if pods.is_ready(one)]
        old = [_name(one) for one in found if one not in fresh and pods.is_ready(one)]
        self._new.update(new)
        self._old.update(old)
        self._meters.keep({*new, *old})
        self._meters.read(new, fresh=True)
        self._meters.read(old, fresh=False)
        done, before = self._meters.trial(self._new), self._meters.trial(self._old)
        if not before.requests:
            # what a model does not take may be the callers' fault, and nobody can tell any more
            done = replace(done, errors=done.errors - self._meters.refused(self._new))
        if said := failing(done, before):
            raise failures.worse(said)


def undone(
    namespace: Namespace, rendered: Sequence[Mapping[str, Any]], before: Found | None
) -> list[dict[str, Any]] | None:
    """The objects of a stage with the version that served before; None if none did.

    What was there when this deploy began; or, if that was the rollout of a deploy that was killed,
    what the newest ReplicaSet says that has served.

    Raises:
        PlaceUnreachableError, ClusterError: the cluster did not answer.
    """
    if before is None or before.deployment is None:
        return None
    source: Mapping[str, Any] = before.deployment
    if before.said(reading.ROLLOUT):
        image = reading.container(source)["image"]
        fails = any(
            reading.container(one)["image"] == image
            for one in rendered
            if one["kind"] == "Deployment"
        )
        others = [
            one
            for one in sets(namespace, source)
            if reading.container(one)["image"] != image
            and str(reading.container(one)["image"]).rpartition("@")[2] in before.proven
        ]
        if fails and not others:
            return None
        source = others[0] if others else source
    template = deepcopy(dict(source["spec"]["template"]))
    metadata = template["metadata"]
    metadata.pop("creationTimestamp", None)
    metadata["labels"].pop(_HASH, None)
    known = {name: text for name, text in metadata["labels"].items() if name != names.ROLE}
    found = deepcopy([dict(one) for one in rendered])
    for one in found:
        one["metadata"] |= {"labels": known, "annotations": dict(metadata["annotations"])}
        if one["kind"] == "Deployment":
            one["spec"]["template"] = template
            one["metadata"]["annotations"] |= proven(before.proven)
    return found


def proven(digests: Sequence[str]) -> dict[str, str]:
    """The annotation with the images that served."""
    return {f"mlgitops/{reading.PROVEN}": " ".join(digests)} if digests else {}


def _name(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"]["name"])
