"""Tests of `training.synthetic`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from training import synthetic, windfarm
from training.features import COLUMNS, RANGES

if TYPE_CHECKING:
    from collections.abc import Callable

REAL = os.environ.get("WINDFARM_DATA")


@pytest.fixture(scope="module")
def farm() -> pd.DataFrame:
    """The synthetic wind farm."""
    return synthetic.windfarm()


def test_it_has_every_day_and_column_of_the_real_file(farm: pd.DataFrame) -> None:
    """2014 to 2020, leap days included, float64 throughout."""
    assert (2557, len(COLUMNS)) == farm.shape
    assert list(COLUMNS) == list(farm.columns)
    assert {np.dtype("float64")} == set(farm.dtypes)
    assert (str(farm.index[0].date()), str(farm.index[-1].date())) == ("2014-01-01", "2020-12-31")
    assert farm.index.is_monotonic_increasing
    assert farm.index.is_unique


def test_it_is_the_same_on_every_call(farm: pd.DataFrame) -> None:
    """Versions can be compared, because they saw the same days."""
    pd.testing.assert_frame_equal(farm, synthetic.windfarm())


def test_it_keeps_the_rules_of_real_data(farm: pd.DataFrame) -> None:
    """Every value is within its column's physical range."""
    for column, allowed in RANGES.items():
        assert farm[column].between(allowed.low, allowed.high).all(), column


def test_it_says_that_it_is_synthetic() -> None:
    """Nobody can take it for measured data, in the code or in a run."""
    assert "synthetic" in synthetic.NAME
    assert "synthetic" in str(synthetic.__doc__)


@pytest.mark.parametrize(
    ("speed", "expected"),
    [
        (0.0, 0.0),
        (synthetic.CUT_IN, 0.0),
        (synthetic.RATED, 1.0),
        (synthetic.CUT_OUT, 1.0),
        (synthetic.CUT_OUT + 0.1, 0.0),
    ],
)
def test_a_turbine_cuts_in_is_rated_and_cuts_out(speed: float, expected: float) -> None:
    """The corners of the power curve."""
    assert [expected] == synthetic.turbine_power(np.array([speed])).tolist()


def test_winters_are_windy_and_cold(farm: pd.DataFrame) -> None:
    """January beats July in wind and power, July in warmth."""
    monthly = farm.groupby(pd.DatetimeIndex(farm.index).month).mean()
    january, july = monthly.loc[1], monthly.loc[7]
    assert january["wind_speed_08"] > 1.2 * july["wind_speed_08"]
    assert january["power"] > 1.5 * july["power"]
    assert july["temperature_16"] > january["temperature_16"] + 10


STATISTICS: dict[str, tuple[Callable[[pd.DataFrame], float], float]] = {
    "mean power, kW": (lambda frame: frame["power"].mean(), 250.0),
    "standard deviation of power, kW": (lambda frame: frame["power"].std(), 250.0),
    "mean wind, m/s": (lambda frame: frame.filter(like="wind_speed").to_numpy().mean(), 0.5),
    "mean temperature, °C": (lambda frame: frame.filter(like="temp").to_numpy().mean(), 1.0),
    "wind and power": (lambda frame: frame["wind_speed_08"].corr(frame["power"]), 0.08),
    "two readings of wind": (lambda f: f["wind_speed_00"].corr(f["wind_speed_08"]), 0.15),
    "power from day to day": (lambda frame: frame["power"].autocorr(1), 0.12),
    "warmth from day to day": (lambda frame: frame["temperature_08"].autocorr(1), 0.05),
}


@pytest.mark.skipif(not REAL, reason="WINDFARM_DATA does not name the real file")
@pytest.mark.parametrize("statistic", STATISTICS)
def test_it_resembles_the_real_farm(farm: pd.DataFrame, statistic: str) -> None:
    """Means, spread, correlations and memory are near those that were measured."""
    of, tolerance = STATISTICS[statistic]
    assert of(windfarm.load(REAL).frame) == pytest.approx(of(farm), abs=tolerance)
