"""A canary: a new version on a part of the traffic, compared with the one that serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.deploy import failures
from mlgitops.deploy.docker import readings
from mlgitops.deploy.judge import confirmed, objection, slower
from mlgitops.system import waiting

if TYPE_CHECKING:
    from mlgitops.core.deployments import Canary
    from mlgitops.deploy.docker.proxy import Proxy
    from mlgitops.deploy.docker.values import Slot

_PAUSE = 0.5  # seconds


def trial(name: str, proxy: Proxy, slot: Slot, canary: Canary) -> str:
    """Give a slot of a deployment its share for a time; returns what is to be said of it.

    Raises:
        DeployFailedError: it is not to get the rest of the traffic, and why.
        DockerError: the proxy does not run.
    """
    readings.forget(name, slot)  # what its test has sent
    before = {one: readings.read(name, proxy, one) for one in (slot, slot.other)}
    proxy.share(slot, canary.share)
    if waiting.until(lambda: not proxy.counts()[slot].up, timeout=canary.seconds, every=_PAUSE):
        raise failures.silent("the new version does not answer")
    new, old = (
        readings.between(before[one], readings.read(name, proxy, one)) for one in (slot, slot.other)
    )
    said = confirmed(
        lambda new: objection(new, old, canary),
        new,
        lambda: readings.answered(name, slot.other, readings.unanswered(name, slot)),
    )
    if said:
        is_slow = said == slower(new, old, canary.slower)
        raise (failures.slow if is_slow else failures.worse)(f"the canary failed: {said}")
    return f"canary: {new}; old version: {old}"
