"""Whether 95% intervals hold in 95% of the draws: simulated versions whose true values are known.

The alternative is what they replace: a verdict by the sign of the difference.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlgitops.core.evidence import Series
from mlgitops.review import bootstrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.random import Generator

    Truth = tuple[np.ndarray, np.ndarray, np.ndarray]  # actual, old, new

_DRAWS = 2_000
_ROWS = (200, 730)
_MANY = 2_000_000  # rows that show the true difference
_SLICES = 68


@dataclass(frozen=True, kw_only=True, slots=True)
class _Held:
    """How often an interval and its one-sided bounds held, and how often noise got a verdict."""

    interval: float
    regression: float
    improvement: float

    def __str__(self) -> str:
        return (
            f"interval {self.interval:.1%}, bound of the regression {self.regression:.1%}, "
            f"of the improvement {self.improvement:.1%}"
        )


def measure() -> Iterator[str]:
    """Coverage for each score, of slices together, and the time for 5,000 rows."""
    for score, make in (
        ("mae", _numbers),
        ("rmse", _numbers),
        ("r2", _numbers),
        ("accuracy", _classes),
        ("f1_macro", _classes),
    ):
        true = _difference(score, make(np.random.default_rng(0), _MANY))
        for rows in _ROWS:
            yield f"{score} of {rows} rows, {_DRAWS:,} draws: {_coverage(score, make, rows, true)}"
    yield f"of versions that differ by noise alone: {_noise()}"
    yield from _times()


def _numbers(random: Generator, rows: int) -> Truth:
    """Errors that both versions share in part; those of the new one are a little larger."""
    actual, shared = random.normal(0, 3, rows), random.normal(0, 1, rows)
    old = actual + shared + random.normal(0, 0.3, rows)
    return actual, old, actual + 1.05 * shared + random.normal(0, 0.3, rows)


def _classes(random: Generator, rows: int) -> Truth:
    """Three classes; the new version is right where the old one was, but for a quarter."""
    actual = random.integers(0, 3, rows)
    old = np.where(random.random(rows) < 0.85, actual, random.integers(0, 3, rows))
    again = np.where(random.random(rows) < 0.9, actual, random.integers(0, 3, rows))
    return actual, old, np.where(random.random(rows) < 0.25, again, old)


def _value(score: str, actual: np.ndarray, said: np.ndarray) -> float:
    found = bootstrap.MEASURES[score]
    return float(found.value(found.parts(actual, said).mean(axis=0)))


def _difference(score: str, truth: Truth) -> float:
    actual, old, new = truth
    return _value(score, actual, new) - _value(score, actual, old)


def _series(truth: Truth) -> Series:
    actual, old, new = truth
    return Series(labels=(), actual=actual, old=old, new=new)


def _coverage(score: str, make: Callable[[Generator, int], Truth], rows: int, true: float) -> _Held:
    lower = score in ("mae", "rmse")
    held = np.zeros(3)
    for seed in range(_DRAWS):
        drawn = bootstrap.draws(score, _series(make(np.random.default_rng(seed + 1), rows)))
        assert drawn is not None
        interval = drawn.interval()
        worse, better = (
            drawn.bound(lower=way, relative=False, level=0.95) for way in (lower, not lower)
        )
        regression = true if lower else -true
        held += (interval.low <= true <= interval.high, regression <= worse, -regression <= better)
    interval_, regression_, improvement_ = held / _DRAWS
    return _Held(interval=interval_, regression=regression_, improvement=improvement_)


def _noise() -> str:
    """How often versions as good as each other get a verdict."""
    from mlgitops.review.slices import at_once

    scores = slices = 0
    for seed in range(_DRAWS // 4):
        random = np.random.default_rng(seed)
        actual = random.normal(0, 3, 730)
        old, new = (actual + random.normal(0, 1, 730) for _ in range(2))
        drawn = bootstrap.draws("mae", _series((actual, old, new)))
        assert drawn is not None
        interval = drawn.interval()
        scores += not interval.low <= 0 <= interval.high
        quarters = random.integers(0, 4, (730, _SLICES // 4))
        masks = np.hstack([quarters == quarter for quarter in range(4)])
        bounds = at_once(abs(new - actual) - abs(old - actual), masks)
        slices += bool(((bounds[:, 0] > 0) | (bounds[:, 1] < 0)).any())
    tried = _DRAWS // 4
    return (
        f"verdict on mae {scores / tried:.1%}, on any of {_SLICES} slices {slices / tried:.1%} "
        f"of {tried} draws; by the sign of the difference, 100%"
    )


def _times() -> Iterator[str]:
    random = np.random.default_rng(0)
    for score, make in (("mae", _numbers), ("r2", _numbers), ("f1_macro", _classes)):
        series = _series(make(random, 5_000))
        begun = time.perf_counter()
        bootstrap.draws(score, series)
        yield f"{score} of 5,000 rows, 1,000 draws: {time.perf_counter() - begun:.2f} s"
