"""Intervals of differences on held-out rows: a paired bootstrap that is the same at every run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from mlgitops.core.evidence import Series
from mlgitops.core.metrics import Difference, Interval, differences, with_intervals
from mlgitops.review import bootstrap
from mlgitops.review.bootstrap import MEASURES, draws

if TYPE_CHECKING:
    from collections.abc import Callable

TRUE = np.random.default_rng(7).normal(10, 3, 400)
SCIKIT: dict[str, Callable[..., float]] = {
    "mae": metrics.mean_absolute_error,
    "rmse": metrics.root_mean_squared_error,
    "r2": metrics.r2_score,
    "accuracy": metrics.accuracy_score,
    "f1_macro": lambda t, p: metrics.f1_score(t, p, average="macro", zero_division=0),
}


def series(old: np.ndarray, new: np.ndarray, actual: np.ndarray | None = TRUE) -> Series:
    """What two versions say of the same rows."""
    labels = tuple(map(str, range(len(new))))
    return Series(labels=labels, old=old, new=new, actual=actual)


def noisy(size: float, seed: int = 1) -> np.ndarray:
    """Predictions that are so far off, in the mean."""
    return TRUE + np.random.default_rng(seed).normal(0, size, len(TRUE))


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=40).filter(
        lambda rows: len({true for true, _ in rows}) > 1
    )
)
def test_a_measure_is_scikit_learns_metric(rows: list[tuple[int, int]]) -> None:
    """Of the rows as they are, the means give what scikit-learn says, for classes and numbers."""
    true, said = (np.array(values) for values in zip(*rows, strict=True))
    for name, measure in MEASURES.items():
        found = float(measure.value(measure.parts(true, said).mean(axis=0)))
        assert found == pytest.approx(SCIKIT[name](true, said), abs=1e-12), name


@pytest.mark.parametrize("score", ["mae", "rmse", "r2"])
def test_an_interval_is_that_of_scipys_paired_bootstrap(score: str) -> None:
    """Its percentiles, but for chance and for the widening that few rows need."""
    old, new = noisy(1.0), noisy(1.2, seed=2)
    found = draws(score, series(old, new))
    assert found is not None

    def statistic(a: np.ndarray, b: np.ndarray, true: np.ndarray) -> float:
        return SCIKIT[score](true, b) - SCIKIT[score](true, a)

    asked = {"paired": True, "vectorized": False, "method": "percentile", "n_resamples": 400}
    theirs = stats.bootstrap((old, new, TRUE), statistic, rng=1, **asked).confidence_interval
    ours = found.interval()
    width = theirs.high - theirs.low
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.15 * width)


def test_intervals_are_the_same_at_every_run() -> None:
    """The seed is fixed, so a verdict does not change from plan to apply."""
    rows = series(noisy(1.0), noisy(1.2, seed=2))
    first = draws("mae", rows)
    draws("mae", series(*(noisy(1.0)[:9],) * 3))  # its draws are of other rows
    again = draws("mae", rows)
    assert first is not None
    assert again is not None
    assert first.interval() == again.interval()


def test_noise_is_no_verdict() -> None:
    """A version as good as the old one is about the same; one that is clearly worse is worse."""
    old = noisy(1.0)
    for new, verdict in (
        (noisy(1.0, seed=3), "about the same"),
        (noisy(1.5, seed=2), "worse"),
        (noisy(0.5, seed=2), "better"),
        (old, "same"),
    ):
        was, is_now = (float(abs(said - TRUE).mean()) for said in (old, new))
        score = Difference(metric="mae", old=was, new=is_now, better="lower")
        (found,) = bootstrap.with_intervals([score], series(old, new))
        assert found.interval is not None
        assert found.verdict == verdict


def test_what_reports_show_as_nothing_is_no_verdict() -> None:
    """-0.0004 (-0.0%) was worse; what is shown as 0.1% is a verdict again."""
    old = 0.921313
    for new, verdict in ((old - 0.0004, "about the same"), (old * 0.9994, "worse"), (old, "same")):
        assert Difference(metric="r2", old=old, new=new, better="higher").verdict == verdict


def test_a_recorded_metric_that_the_rows_give_again_has_their_interval() -> None:
    """By exact name and equal values; of other rows, a recorded metric keeps its own verdict."""
    interval = Interval(low=-1.0, high=2.0, level=0.95)
    score = Difference(metric="mae", old=10.0, new=10.5, better="lower", interval=interval)
    recorded = differences(
        {"test_mae": 10.0, "mean_absolute_error": 10.0, "mae_ratio": 10.0, "mae": 11.0},
        {"test_mae": 10.5, "mean_absolute_error": 10.5, "mae_ratio": 10.5, "mae": 11.5},
    )
    found = {one.metric: one.interval for one in with_intervals(recorded, [score])}
    assert found == {
        "test_mae": interval,
        "mean_absolute_error": interval,
        "mae_ratio": None,
        "mae": None,
    }


def test_what_the_rows_do_not_give_has_no_interval() -> None:
    """No true values, no old version, another metric, one row, a constant target, NaN."""
    old, new = noisy(1.0), noisy(1.2, seed=2)
    assert draws("mae", series(old, new, None)) is None
    assert draws("log_loss", series(old, new)) is None
    assert draws("mae", series(old[:1], new[:1], TRUE[:1])) is None
    assert draws("r2", series(old[:9], new[:9], np.ones(9))) is None
    alone = Series(labels=("1", "2"), new=new[:2], old=None, actual=TRUE[:2])
    assert draws("mae", alone) is None
    unknown = differences({"mae": math.nan}, {"mae": 1.0})
    assert bootstrap.with_intervals(unknown, series(old, new))[0].interval is None
    many = np.arange(200).astype(str)
    assert draws("f1_macro", series(many, many, many)) is None


def test_few_rows_have_wide_intervals() -> None:
    """The same spread of errors says less of 10 rows than of 400."""
    gap = noisy(1.0) - TRUE
    widths = []
    for rows in (10, 400):
        found = draws("mae", series(TRUE[:rows] + 5, TRUE[:rows] + 5 + gap[:rows], TRUE[:rows]))
        assert found is not None
        widths.append(found.interval().high - found.interval().low)
    assert widths[0] > 3 * widths[1]
