"""Both versions on parts of the held-out rows: a better mean cannot hide a worse winter."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from mlgitops.core.evidence import Cost, Predictions, Series, Slice
from mlgitops.core.metrics import differences
from mlgitops.review import slices
from mlgitops.review.rows import Rows

DAYS = tuple(str(date(2019, 1, 1) + timedelta(days=day)) for day in range(730))
MONTHS = np.array([int(day[5:7]) for day in DAYS])
NUMBERS = tuple(f"row {number}" for number in range(730))


def measured(
    frame: pd.DataFrame, old: np.ndarray, new: np.ndarray, labels: tuple[str, ...] = NUMBERS
) -> dict[str, Slice]:
    """The slices by name, where `old` and `new` are how far predictions of 0 are off."""
    actual = np.zeros(len(old))
    rows = Rows(frame=frame, actual=actual, labels=labels, source="rows")
    found = Predictions(
        kind="regression",
        source="rows",
        series=Series(labels=labels, old=old, new=new, actual=actual),
        new_cost=Cost(milliseconds=1.0, mebibytes=1.0),
        scores=differences({"mae": float(abs(old).mean())}, {"mae": float(abs(new).mean())}),
    )
    return {one.name: one for one in slices.measure(rows, found)}


def noise(seed: int, rows: int = 730) -> np.ndarray:
    """Errors of predictions."""
    return np.random.default_rng(seed).normal(0, 10, rows)


def test_a_better_mean_cannot_hide_a_worse_winter() -> None:
    """The index tells months and quarters; the worst slice comes first."""
    winter = MONTHS <= 3
    new = np.where(winter, 1.6, 0.5) * noise(1)
    assert abs(new).mean() < abs(noise(1)).mean()
    found = measured(pd.DataFrame({"x": noise(2)}), noise(1), new, DAYS)
    assert found["quarter January to March"].rows == 181
    assert {name: one.difference.verdict for name, one in found.items() if one.worse > 0} == {
        f"{column} {label}": "worse"
        for column, label in (
            ("quarter", "January to March"),
            *(("month", month) for month in ("January", "February", "March")),
        )
    }
    assert next(iter(found.values())).column in ("quarter", "month")
    assert [one.regression for one in found.values()] == sorted(
        (one.regression for one in found.values()), reverse=True
    )
    assert found["month June"].difference.verdict == "better"


def test_columns_are_cut_into_categories_and_quartiles() -> None:
    """Numbers into quartiles, few numbers and texts into their values; what is missing is apart."""
    rows = np.arange(400)
    frame = pd.DataFrame(
        {
            "speed": np.where(rows < 40, np.nan, rows),
            "site": np.where(rows % 4 == 0, "north", "south"),
            "turbines": rows % 2,
            "calm": rows % 5 == 0,
            "constant": 1,
            "comment": [f"text {row}" for row in rows],
            "list": [[row] for row in rows],
            "rare": np.where(rows < 29, "rare", "often"),
            "when": pd.date_range("2019-01-01", periods=400),
        }
    )
    found = measured(frame, noise(1, 400), noise(2, 400), NUMBERS[:400])
    assert {name: one.rows for name, one in found.items()} == {
        "speed 40 to 129": 90,
        "speed 130 to 219": 90,
        "speed 220 to 309": 90,
        "speed 310 to 399": 90,
        "speed missing": 40,
        "site north": 100,
        "site south": 300,
        "turbines 0": 200,
        "turbines 1": 200,
        "calm False": 320,
        "calm True": 80,
        "rare often": 371,
    }
    north = found["site north"]
    assert north.old == pytest.approx(abs(noise(1, 400)[rows % 4 == 0]).mean())
    assert north.new == pytest.approx(abs(noise(2, 400)[rows % 4 == 0]).mean())


def test_intervals_of_slices_hold_together() -> None:
    """Of versions that differ by noise alone, hardly any has a slice with a verdict.

    With an interval of its own for each of 68 slices, nearly every one would have.
    """
    wrong = 0
    for seed in range(15):
        columns = np.random.default_rng(1000 + seed).normal(size=(300, 17))
        found = measured(
            pd.DataFrame(columns), noise(seed, 300), noise(500 + seed, 300), NUMBERS[:300]
        )
        assert len(found) == 68
        wrong += any(one.difference.verdict != "about the same" for one in found.values())
    assert wrong <= 3


def test_classes_are_measured_by_accuracy() -> None:
    """Texts as well as numbers; a slice in which all changed is worse."""
    rows = np.arange(200)
    site = np.where(rows < 100, "north", "south")
    old = np.array(["calm"] * 200)
    new = np.where((rows < 100) & (rows % 2 == 0), "storm", old)
    rated = Predictions(
        kind="classification",
        source="rows",
        series=Series(labels=(), old=old, new=new, actual=old),
        new_cost=Cost(milliseconds=1.0, mebibytes=1.0),
        scores=differences({"f1_macro": 1.0, "accuracy": 1.0}, {"f1_macro": 0.5, "accuracy": 0.75}),
    )
    chosen = Rows(
        frame=pd.DataFrame({"site": site}), actual=old, labels=NUMBERS[:200], source="rows"
    )
    north, south = slices.measure(chosen, rated)
    assert (north.name, north.metric, north.old, north.new) == ("site north", "accuracy", 1.0, 0.5)
    assert (north.difference.verdict, north.regression) == ("worse", 0.5)
    assert (south.name, south.difference.verdict) == ("site south", "same")


def test_too_few_rows_have_no_slices() -> None:
    """Nor have rows whose true values nobody knows."""
    frame = pd.DataFrame({"site": ["north", "south"] * 29})
    assert measured(frame, noise(1, 58), noise(2, 58), NUMBERS[:58]) == {}
