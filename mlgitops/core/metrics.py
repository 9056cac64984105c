"""Metrics of two versions side by side, and which way is better."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from mlgitops.core.directions import bare, standard

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlgitops.core.directions import Direction

Said = TypeVar("Said")

_NONE: Mapping[str, Direction] = MappingProxyType({})

# what predictions and true values give, by its name in recipes → other exact names of the same
SCORES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mae": ("mean_absolute_error",),
        "rmse": ("root_mean_squared_error",),
        "r2": ("r2_score",),
        "accuracy": ("accuracy_score",),
        "f1_macro": ("macro_f1",),
    }
)
# those that slices are measured by
SLICED: Mapping[str, Direction] = MappingProxyType({"mae": "lower", "accuracy": "higher"})
_NAMES = {name: score for score, names in SCORES.items() for name in (score, *names)}
_SHOWN = 3  # digits of a relative difference that reports show: 0.1%


def declared(metric: str, said: Mapping[str, Said]) -> Said | None:
    """What a team says of a metric, or of it on any set of rows.

    >>> declared("test_ramp_error", {"ramp_error": "lower"})
    'lower'
    """
    return said.get(metric) or said.get(bare(metric))


def titled(metric: str, units: Mapping[str, str]) -> str:
    """A metric with its unit, where a team says it.

    >>> titled("test_mae", {"mae": "kW"})
    'test_mae (kW)'
    """
    unit = declared(metric, units)
    return f"{metric} ({unit})" if unit else metric


def direction(metric: str, said: Mapping[str, Direction] = _NONE) -> Direction | None:
    """Which way is better for a metric; None where nothing tells.

    Args:
        metric: its name, as it was recorded.
        said: what the team says of some; it counts before the standard meaning.

    >>> direction("test_mae"), direction("revenue"), direction("revenue", {"revenue": "higher"})
    ('lower', None, 'higher')
    """
    return declared(metric, said) or standard(metric)


def unknown(metric: str) -> str:
    """What to say where nothing tells which way is better, and how a model can."""
    name = bare(metric)
    return (
        f"no standard says which way {metric!r} is better; "
        f"add 'metrics: {{{name}: lower}}' or 'metrics: {{{name}: higher}}' to the model"
    )


def of_test(metric: str) -> bool:
    """Whether a metric was measured on the test set, as its name tells."""
    return metric.startswith("test_")


def of_training(metric: str) -> bool:
    """Whether autolog measured a metric on the rows that the model learnt from."""
    return metric.startswith("training_")


def score_of(metric: str) -> str | None:
    """The score on held-out rows that a recorded metric is; None where rows do not give it.

    >>> score_of("test_mae"), score_of("mean_absolute_error"), score_of("test_log_loss")
    ('mae', 'mae', None)
    """
    return _NAMES.get(metric.removeprefix("test_"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """Where the difference new minus old lies, in the metric's unit.

    Attributes:
        level: how sure that is, from 0 to 1.
    """

    low: float
    high: float
    level: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One metric of the version now in a stage and of the one that is to enter it.

    Attributes:
        better: which way is better; None where nothing tells, and then there is no verdict.
        interval: of new minus old, where held-out rows give one.
    """

    metric: str
    old: float | None
    new: float | None
    better: Direction | None = None
    interval: Interval | None = None

    @property
    def absolute(self) -> float | None:
        """New minus old, in the metric's unit; None if one is missing."""
        return None if self.old is None or self.new is None else self.new - self.old

    @property
    def relative(self) -> float | None:
        """The difference as a fraction of the old value; None if that is 0 or missing."""
        return None if self.absolute is None or not self.old else self.absolute / abs(self.old)

    @property
    def verdict(self) -> str:
        """`better`, `worse`, `same`, `about the same`; empty if no way is known to be better.

        A difference that may be noise, or that reports show as 0.0%, is neither better nor worse.
        """
        difference = self.absolute
        if difference is None or self.better is None or math.isnan(difference):
            return ""
        if difference == 0:
            return "same"
        if self._within_noise:
            return "about the same"
        return "better" if (difference > 0) == (self.better == "higher") else "worse"

    @property
    def _within_noise(self) -> bool:
        if self.interval is not None and self.interval.low <= 0 <= self.interval.high:
            return True
        return self.relative is not None and round(self.relative, _SHOWN) == 0


def differences(
    old: Mapping[str, float], new: Mapping[str, float], said: Mapping[str, Direction] = _NONE
) -> tuple[Difference, ...]:
    """All metrics of both, those of the test set first.

    Args:
        old: by name.
        new: by name.
        said: which way is better for some, as for `direction`.
    """
    names = sorted(old.keys() | new.keys(), key=lambda name: (not of_test(name), name))
    return tuple(
        Difference(metric=n, old=old.get(n), new=new.get(n), better=direction(n, said))
        for n in names
    )


def with_intervals(
    recorded: Iterable[Difference], scores: Iterable[Difference]
) -> tuple[Difference, ...]:
    """Recorded metrics, with the intervals of the scores that are the same numbers."""
    known = {one.metric: one for one in scores}
    return tuple(
        replace(one, interval=score.interval)
        if (score := known.get(score_of(one.metric) or "")) and _same(one, score)
        else one
        for one in recorded
    )


def unrecorded(
    recorded: Iterable[Difference], scores: Iterable[Difference]
) -> tuple[Difference, ...]:
    """The scores that no recorded metric tells already, number by number."""
    known = tuple(recorded)

    def told(one: Difference, score: Difference) -> bool:
        named = score_of(one.metric) == score.metric
        return named and _same(one, score) and one.interval == score.interval

    return tuple(score for score in scores if not any(told(one, score) for one in known))


def _same(one: Difference, score: Difference) -> bool:
    pairs = ((one.old, score.old), (one.new, score.new))
    return all(
        a is not None and b is not None and math.isclose(a, b, rel_tol=1e-6) for a, b in pairs
    )
