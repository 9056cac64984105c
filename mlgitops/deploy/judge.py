"""Whether a canary may go on. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlgitops.words import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlgitops.core.deployments import Canary

_SURE = 0.01  # the chance at which more errors are still called chance


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What one version did during the trial.

    Attributes:
        errors: requests with 5xx or no answer, or with values that the model refused.
        raised: those of the errors for which the model raised one.
        milliseconds: the mean time to an answer of `/invocations`; NaN if that is not known.
    """

    requests: int
    errors: int
    raised: int = 0
    milliseconds: float = math.nan

    def __str__(self) -> str:
        share = self.errors / self.requests if self.requests else 0.0
        took = "" if math.isnan(self.milliseconds) else f", {self.milliseconds:.1f} ms each"
        return (
            f"{count(self.requests, 'request')}, {count(self.errors, 'error')} ({share:.2%}){took}"
        )

    def counting(self, share: float) -> Trial:
        """The same where only a part of the requests that the model raised an error for counts."""
        return replace(self, errors=self.errors - round(self.raised * (1 - share)))


def confirmed(judge: Callable[[Trial], str], new: Trial, answered: Callable[[], float]) -> str:
    """An objection to the new version, if it holds without what the old one cannot answer either.

    A caller who sends nonsense is no reason to return: the old version fails on it as well.

    Args:
        judge: says what is to be said against a version, or nothing.
        new: what the new version did.
        answered: the part of the requests that the new version raised an error for that the old
            one answers; asked where it matters.
    """
    said = judge(new)
    return judge(new.counting(answered())) if said and new.raised else said


def objection(new: Trial, old: Trial, canary: Canary) -> str:
    """Why the new version is not to get the rest of the traffic; empty if it may.

    It must have been asked often enough, not fail more often than the old one (beyond chance), and
    not take too much longer.
    """
    if new.requests < canary.requests:
        return (
            f"it got {count(new.requests, 'request')} in {canary.seconds:g} s, too few to judge it "
            f"(at least {canary.requests}); give it a larger share or more time"
        )
    if said := failing(new, old):
        return said
    return slower(new, old, canary.slower)


def slower(new: Trial, old: Trial, most: float) -> str:
    """Whether the new version takes more than so many times as long; empty if not, or unknown."""
    if new.milliseconds > most * old.milliseconds:
        return (
            f"it takes {new.milliseconds / old.milliseconds:.1f} times as long, more than "
            f"{most:g}: {new}; old version: {old}"
        )
    return ""


def failing(new: Trial, old: Trial) -> str:
    """Whether the new version fails more often than the old one, beyond chance; empty if not."""
    if old.requests == 0 and new.errors:
        return f"{new.errors:,} of {count(new.requests, 'request')} failed"
    if old.requests and chance(new, old) < _SURE:
        return f"it fails more often: {new}; old version: {old}"
    return ""


def chance(new: Trial, old: Trial) -> float:
    """The chance of at least so many errors of the new version, if both fail equally often.

    Fisher's exact test, one-sided: the upper tail of the hypergeometric distribution of the new
    version's errors, given all errors and how many requests each got.

    >>> same = Trial(requests=100, errors=1, milliseconds=1.0)
    >>> chance(same, same) > 0.5
    True
    >>> chance(Trial(requests=100, errors=20, milliseconds=1.0), same) < 0.001
    True
    """
    from scipy.stats import hypergeom

    every, failed = new.requests + old.requests, new.errors + old.errors
    return float(hypergeom.sf(new.errors - 1, every, failed, new.requests))
