"""What a server has counted of its requests, from what its `/metrics` says. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.deploy.judge import Trial

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """What a version has counted of `/invocations`.

    Attributes:
        requests: those that it answered, whatever with.
        errors: answers of 5xx.
        failures, refusals: requests for which the model raised an error; the failures are among
            the errors, the refusals are not.
        seconds: the time to all answers.
    """

    requests: float = 0.0
    errors: float = 0.0
    failures: float = 0.0
    refusals: float = 0.0
    seconds: float = 0.0

    def since(self, before: Count) -> Count:
        """What was added; a server that was started anew has counted from nothing."""
        if self.requests < before.requests:
            return self
        names = Count.__slots__
        return Count(**{name: getattr(self, name) - getattr(before, name) for name in names})


def trial(counts: Iterable[Count], *, unanswered: int = 0) -> Trial:
    """What a version did, by what each of its servers has counted.

    Args:
        counts: of its servers.
        unanswered: errors that were seen from outside, which no server may have lived to count.
    """
    steps = list(counts)
    requests, errors, failures, refusals, seconds = (
        sum(getattr(step, name) for step in steps) for name in Count.__slots__
    )
    lost = max(errors, unanswered)
    return Trial(
        requests=int(max(requests, lost)),
        errors=int(lost + refusals),
        raised=int(failures + refusals),
        milliseconds=seconds / requests * 1000 if requests else math.nan,
    )


def parsed(text: str) -> Count:
    """What a server says at `/metrics`."""
    from prometheus_client.parser import text_string_to_metric_families

    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]

    def total(name: str, status: str = "", path: str | None = "/invocations") -> float:
        return sum(
            one.value
            for one in samples
            if one.name == f"serving_{name}"
            and one.labels.get("path") == path
            and one.labels.get("status", "").startswith(status)
        )

    return Count(
        requests=total("request_seconds_count"),
        errors=total("requests_total", status="5"),
        failures=total("model_failures_total", path=None),
        refusals=total("model_refusals_total", path=None),
        seconds=total("request_seconds_sum"),
    )
