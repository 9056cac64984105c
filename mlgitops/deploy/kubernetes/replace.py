"""Put a version in the place of another: proven beside, rolled out, watched; or back to the old."""

from __future__ import annotations

import time
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from mlgitops.deploy.kubernetes import candidate, reading
from mlgitops.deploy.kubernetes.meters import Meters
from mlgitops.deploy.kubernetes.rollout import Watched, proven, undone, watch
from mlgitops.errors import MlgitopsError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from mlgitops.core.deployments import Rollout
    from mlgitops.deploy.kubernetes.client import Namespace
    from mlgitops.deploy.kubernetes.reading import Found

_PROVEN = 5  # as many former versions as ReplicaSets are kept
_PAUSE = 1.0
_AUTOSCALER = "HorizontalPodAutoscaler"


class Replacement:
    """Replaces what serves a stage; the objects of it that are there are all its own."""

    def __init__(
        self,
        namespace: Namespace,
        found: Found | None,
        rollout: Rollout,
        *,
        lost: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self._namespace, self._found, self._rollout = namespace, found, rollout
        self._lost, self._say = lost, say
        self._known = found.proven if found else ()

    def run(self, rendered: list[dict[str, Any]]) -> str:
        """Serve what objects say; what is to be said of it.

        Raises:
            MlgitopsError: it failed; what served before serves.
        """
        deployment = next(one for one in rendered if one["kind"] == "Deployment")
        name = deployment["metadata"]["name"]
        self._namespace.apply(checked(rendered, self._found), dry=True)  # refused at once, if ever
        image = reading.container(deployment)["image"]
        digest = str(image).rpartition("@")[2]
        serves = self._found.image if self._found else ""
        returns = digest in self._known
        if not returns:
            candidate.prove(
                self._namespace, deployment, timeout=self._rollout.start_timeout, say=self._say
            )
        watched = Watched(
            namespace=self._namespace,
            name=name,
            rollout=self._rollout,
            lost=self._lost,
            say=self._say,
        )
        judged = bool(serves) and not returns
        try:
            with Meters(self._namespace) as meters:
                if judged:
                    old = [one["metadata"]["name"] for one in watched.pods()]
                    meters.read(old, fresh=False)
                self._say("rolling it out")
                self._hand_over(name, deployment["spec"].get("replicas"))
                self._namespace.apply(_marked(rendered, "under-way", self._known))
                seconds = self._rollout.watch if judged else 0.0
                remark = watch(watched, meters, judged=judged, seconds=seconds)
        except BaseException:
            if not self._lost.is_set():  # else it is the other deploy's
                self._return(rendered, watched)
            raise
        served = tuple(dict.fromkeys((digest, *self._known)))[:_PROVEN]
        self._namespace.apply(_marked(rendered, "", served))
        self._tidy(rendered)
        return remark

    def remove(self) -> None:
        """Remove all that serves a stage."""
        assert self._found, "there is something to remove"
        candidate.remove(self._namespace, candidate.name_of(self._found.name))
        for kind in self._found.objects:
            self._namespace.delete(kind, self._found.name)

    def _hand_over(self, name: str, replicas: int | None) -> None:
        """Keep the number of replicas where it changes hands: else it would be one meanwhile."""
        if self._found is None or self._found.deployment is None:
            return
        autoscaled = _AUTOSCALER in self._found.objects
        if replicas is None and not autoscaled:
            self._namespace.scale(name, self._found.deployment["spec"]["replicas"])
        elif replicas is not None and autoscaled:
            self._namespace.delete(_AUTOSCALER, name)
            self._namespace.scale(name, replicas)

    def _tidy(self, rendered: Sequence[dict[str, Any]]) -> None:
        """Remove what it has and is not to have any more, such as an autoscaler."""
        kinds = {one["kind"] for one in rendered}
        for kind in (self._found.objects if self._found else {}).keys() - kinds:
            self._namespace.delete(kind, rendered[0]["metadata"]["name"])

    def _return(self, rendered: list[dict[str, Any]], watched: Watched) -> None:
        """Back to what served before, and wait until it does; if nothing did, nothing stays."""
        before = undone(self._namespace, rendered, self._found)
        if before is None:
            self._say("removing it")
            for one in rendered:
                self._namespace.delete(one["kind"], one["metadata"]["name"])
            return
        self._say("returning to the previous version")
        self._namespace.apply(before)
        until = time.monotonic() + self._rollout.start_timeout
        while time.monotonic() < until:
            try:
                if reading.rolled_out(watched.read()):
                    return
            except MlgitopsError:
                return
            time.sleep(_PAUSE)


def checked(rendered: Sequence[dict[str, Any]], found: Found | None) -> Sequence[dict[str, Any]]:
    """Objects for a dry run: without a number of replicas that an autoscaler of ours has set."""
    if found is None or _AUTOSCALER not in found.objects:
        return rendered
    copies = deepcopy(list(rendered))
    for one in copies:
        if one["kind"] == "Deployment":
            one["spec"].pop("replicas", None)
    return copies


def _marked(
    rendered: Sequence[dict[str, Any]], mark: str, digests: Sequence[str]
) -> list[dict[str, Any]]:
    """Objects whose Deployment says whether it is under way, and what served there."""
    found = deepcopy(list(rendered))
    for one in found:
        if one["kind"] == "Deployment":
            under_way = {f"mlgitops/{reading.ROLLOUT}": mark} if mark else {}
            one["metadata"]["annotations"] |= {**under_way, **proven(digests)}
    return found
