"""A canary: a new version on a part of the traffic, compared with the one that serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.deploy.judge import Trial, objection
from mlgitops.deploy.proxy import HEADER
from mlgitops.errors import DeployError, HttpError
from mlgitops.system import waiting
from mlgitops.system.http import HttpClient

if TYPE_CHECKING:
    from mlgitops.deploy.proxy import Proxy
    from mlgitops.deploy.values import Canary, Slot

_PAUSE = 0.5  # seconds
_SECONDS = "serving_request_seconds"


def trial(url: str, proxy: Proxy, slot: Slot, canary: Canary) -> str:
    """Give a slot its share for a time; returns what is to be said of it.

    Raises:
        DeployError: it is not to get the rest of the traffic, and why.
        DockerError: the proxy does not run.
    """
    before = _readings(url, proxy, slot)
    proxy.share(slot, canary.share)
    if waiting.until(lambda: not proxy.counts()[slot].up, timeout=canary.seconds, every=_PAUSE):
        raise DeployError("the new version does not answer")
    after = _readings(url, proxy, slot)
    new, old = (_trial(before[one], after[one]) for one in (slot, slot.other))
    if said := objection(new, old, canary):
        raise DeployError(f"the canary failed: {said}")
    return f"canary: {new}; old version: {old}"


_Reading = tuple[int, int, float, float]  # requests, errors, answers, seconds for those


def _readings(url: str, proxy: Proxy, slot: Slot) -> dict[Slot, _Reading]:
    counts = proxy.counts()
    return {
        one: (counts[one].requests, counts[one].errors, *_times(url, proxy, one))
        for one in (slot, slot.other)
    }


def _trial(before: _Reading, after: _Reading) -> Trial:
    asked, errors, answers, seconds = (
        late - early for early, late in zip(before, after, strict=True)
    )
    return Trial(
        requests=max(0, int(asked)),
        errors=max(0, min(int(errors), int(asked))),
        milliseconds=seconds / answers * 1000 if answers else float("nan"),
    )


def _times(url: str, proxy: Proxy, slot: Slot) -> tuple[float, float]:
    """How many answers of `/invocations` a slot has counted, and the seconds that they took."""
    from prometheus_client.parser import text_string_to_metric_families

    try:
        answer = HttpClient(fingerprint=proxy.fingerprint()).request(
            "GET", f"{url}/metrics", headers=proxy.headers(slot)
        )
    except HttpError as error:
        raise DeployError(f"{slot}: {error}") from error
    if not answer.ok:
        raise DeployError(f"{slot}: {url}/metrics answered {answer.status}")
    if answer.headers.get(HEADER) != slot:
        raise DeployError(f"{slot} does not answer")
    samples = [
        sample
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.labels.get("path") == "/invocations"
    ]
    count, total = (
        sum(sample.value for sample in samples if sample.name == f"{_SECONDS}_{part}")
        for part in ("count", "sum")
    )
    return count, total
