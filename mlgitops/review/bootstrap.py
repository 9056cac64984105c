"""How sure a difference on held-out rows is: a paired bootstrap, the same at every run. Pure.

A score is a function of means over rows, so resampled scores are one product of matrices: how often
each draw holds each row, times what each row adds. scipy.stats.bootstrap would hold a copy of all
rows for each draw, and none of its intervals is wide enough for few rows; here the percentiles are
spread as Student's t is (the "expanded percentile interval", Hesterberg 2015).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core.metrics import Interval
from mlgitops.review import classes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np

    from mlgitops.core.evidence import Series
    from mlgitops.core.metrics import Difference

DRAWS = 1_000
LEVEL = 0.95
ENOUGH = 100  # rows; with fewer, classes that seldom change make a bound too narrow
_SEED = 2019
_AT_ONCE = 50  # draws, so that their weights as floats stay small
_CLASSES = 100  # with more, the sums for each class take too long


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A score as a function of means over rows.

    Attributes:
        parts: (actual, predicted), each of shape (rows,) → what each row adds: (rows, parts).
        value: means of the parts, of shape (…, parts) → the score, of shape (…).
        step: how far one row moves the sum at least; 0 where by any amount.
    """

    parts: Callable[[np.ndarray, np.ndarray], np.ndarray]
    value: Callable[[np.ndarray], np.ndarray]
    step: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Draws:
    """A score of both versions for each draw of so many rows; the arrays have shape (draws,).

    Attributes:
        blur: how far the difference may lie beside the drawn ones, as scores of classes have steps:
            the usual continuity correction.
    """

    old: np.ndarray
    new: np.ndarray
    rows: int
    blur: float = 0.0

    def interval(self, level: float = LEVEL) -> Interval:
        """Where new minus old lies."""
        import numpy as np

        tail = (1 - level) / 2
        shares = [spread(share, self.rows) for share in (tail, 1 - tail)]
        low, high = np.quantile(self.new - self.old, shares)
        return Interval(low=float(low) - self.blur, high=float(high) + self.blur, level=level)

    def bound(self, *, lower: bool, relative: bool, level: float) -> float:
        """How much worse the new version is at most, at a one-sided level.

        Args:
            lower: whether a lower score is better.
            relative: to give a fraction of the old score, not the score's unit.
            level: from 0 to 1.
        """
        import numpy as np

        worse = (self.new - self.old if lower else self.old - self.new) + self.blur
        if relative:
            with np.errstate(divide="ignore", invalid="ignore"):
                # of nothing, more is infinitely worse, and nothing is the same
                worse = np.where(worse == 0, 0.0, worse / np.abs(self.old))
        return float(np.quantile(worse, spread(level, self.rows)))


def spread(share: float, rows: int) -> float:
    """The share of the draws at which to look, so that intervals of few rows are wide enough."""
    from scipy import special

    return float(special.ndtr(math.sqrt(rows / (rows - 1)) * special.stdtrit(rows - 1, share)))


def draws(score: str, series: Series) -> Draws | None:
    """A score on resampled rows; None where the rows do not give it.

    Args:
        score: one of `MEASURES`.
        series: what both versions predict, and what is true.
    """
    import numpy as np

    old, actual = series.old, series.actual
    if score not in MEASURES or old is None or actual is None or len(actual) < 2:
        return None
    measure = MEASURES[score]
    parts = [measure.parts(actual, predicted) for predicted in (old, series.new)]
    if not all(part.shape[1] for part in parts):
        return None
    was, will_be = (measure.value(resampled(part)) for part in parts)
    # R² is not known of a draw in which all true values are equal
    usable = bool(np.isfinite(was).all() and np.isfinite(will_be).all())
    blur = measure.step / (2 * len(actual)) if (old != series.new).any() else 0.0
    return Draws(old=was, new=will_be, rows=len(actual), blur=blur) if usable else None


def with_intervals(scores: Iterable[Difference], series: Series) -> tuple[Difference, ...]:
    """The scores, each with the interval of its difference where the rows give one."""
    return tuple(
        replace(one, interval=found.interval())
        if known(one) and (found := draws(one.metric, series))
        else one
        for one in scores
    )


def known(score: Difference) -> bool:
    """Whether both versions have a score that is a number."""
    return score.absolute is not None and math.isfinite(score.absolute)


def resampled(parts: np.ndarray) -> np.ndarray:
    """Means of the parts, of shape (rows, parts), over the rows of each draw: (draws, parts)."""
    import numpy as np

    weights = _weights(len(parts))
    sums = [weights[at : at + _AT_ONCE].astype(float) @ parts for at in range(0, DRAWS, _AT_ONCE)]
    return np.concatenate(sums) / len(parts)


@lru_cache(maxsize=1)
def _weights(rows: int) -> np.ndarray:
    """How often each draw holds each row: (draws, rows)."""
    import numpy as np

    random = np.random.default_rng(_SEED)
    drawn = (np.bincount(random.integers(rows, size=rows), minlength=rows) for _ in range(DRAWS))
    return np.stack([counted.astype(np.uint8) for counted in drawn])


def _errors(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    gaps: np.ndarray = (predicted.astype(float) - actual.astype(float))[:, None]
    return gaps


def _absolute(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return abs(_errors(actual, predicted))


def _squared(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    squared: np.ndarray = _errors(actual, predicted) ** 2
    return squared


def _explained(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    import numpy as np

    true = actual.astype(float) - actual.astype(float).mean()  # small, so that squares are exact
    return np.column_stack([_squared(actual, predicted), true, true**2])


def _r2(means: np.ndarray) -> np.ndarray:
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        found: np.ndarray = 1 - means[..., 0] / (means[..., 2] - means[..., 1] ** 2)
    return found


def _texts(actual: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes as both can be compared."""
    return classes.as_predicted(actual, predicted), classes.texts(predicted)


def _right(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    true, said = _texts(actual, predicted)
    right: np.ndarray = (true == said)[:, None].astype(float)
    return right


def _by_class(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """For each class whether it was rightly predicted, then how often it is true or predicted."""
    import numpy as np

    true, said = _texts(actual, predicted)
    known = np.unique(np.concatenate([true, said]))
    if len(known) > _CLASSES:
        return np.empty((len(true), 0))
    is_true, is_said = true[:, None] == known, said[:, None] == known
    return np.hstack([is_true & is_said, is_true.astype(float) + is_said])


def _f1_macro(means: np.ndarray) -> np.ndarray:
    """The mean over the classes that a draw holds, as scikit-learn takes it."""
    import numpy as np

    right, named = np.split(means, 2, axis=-1)
    each = np.divide(2 * right, named, out=np.zeros_like(named), where=named > 0)
    found: np.ndarray = each.sum(axis=-1) / (named > 0).sum(axis=-1)
    return found


def _only(means: np.ndarray) -> np.ndarray:
    return means[..., 0]


def _root(means: np.ndarray) -> np.ndarray:
    root: np.ndarray = means[..., 0] ** 0.5
    return root


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "mae": Measure(parts=_absolute, value=_only),
        "rmse": Measure(parts=_squared, value=_root),
        "r2": Measure(parts=_explained, value=_r2),
        "accuracy": Measure(parts=_right, value=_only, step=1.0),
        "f1_macro": Measure(parts=_by_class, value=_f1_macro),
    }
)
