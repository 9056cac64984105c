"""Pods: whether they are ready, and what keeps them from it, in the cluster's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlgitops.deploy import failures
from mlgitops.deploy.kubernetes.names import condition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlgitops.deploy.kubernetes.client import Namespace
    from mlgitops.errors import MlgitopsError

# of a container that waits; ErrImagePull comes first and may pass
_NO_IMAGE = ("ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_BROKEN = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
_RESTARTS = 2  # the first may be chance


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether it takes requests."""
    going = "deletionTimestamp" in pod["metadata"]
    return not going and condition(pod, "Ready").get("status") == "True"


def trouble(
    namespace: Namespace, pod: Mapping[str, Any], *, late: bool = False
) -> MlgitopsError | None:
    """What keeps a pod from serving; None if nothing does, or if it may pass.

    Args:
        namespace: where the last lines of its log are.
        pod: as the cluster says.
        late: it had its time: what might have passed has not.
    """
    name = str(pod["metadata"]["name"])
    scheduled = condition(pod, "PodScheduled")
    if late and scheduled.get("status") == "False":
        return failures.no_room(str(scheduled.get("message", scheduled.get("reason"))))
    for one in _containers(pod):
        waiting = one.get("state", {}).get("waiting") or {}
        reason, said = str(waiting.get("reason", "")), str(waiting.get("message", ""))
        if reason in _NO_IMAGE or (late and reason == "ErrImagePull"):
            return failures.no_image(str(one.get("image", "")), said or reason)
        if late and reason in _BROKEN:
            return failures.silent(f"its container cannot be started: {said or reason}")
        if ended := _ended(one):
            if ended.get("reason") == "OOMKilled":
                return failures.no_room("its container took more memory than its limit (OOMKilled)")
            times = int(one.get("restartCount", 0))
            # a pod whose other containers run on goes by the phase `Running`
            if times >= _RESTARTS or pod["spec"].get("restartPolicy") == "Never":
                why = f"exit code {ended.get('exitCode')}"
                log = namespace.logs(name, str(one["name"]))
                return failures.crashing(max(times, 1), log, why=why)
    if pod.get("status", {}).get("reason") == "Evicted":
        return failures.no_room(str(pod["status"].get("message", "Evicted")))
    return None


def _ended(container: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """How a container ended, now or before it was started again."""
    for when in ("state", "lastState"):
        found: Mapping[str, Any] | None = (container.get(when) or {}).get("terminated")
        if found:
            return found
    return None


def _containers(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from pod.get("status", {}).get("containerStatuses") or ()
