"""A synthetic wind farm, for when the real data are not at hand. None of it was ever measured.

It has the columns and dates of the real file and is about as hard to learn, so that recipes,
gates and promotion can be tried without any download. A model that was trained on it knows
nothing about any real wind farm: its runs carry the dataset name `windfarm-synthetic` and the
tag `mlgitops.data.synthetic`.

The physics, hour by hour; a reading is the mean of the eight hours that begin with it:

- Wind speed is Weibull distributed (Justus et al., 1978, J. Appl. Meteorol. 17, 350-353): two
  independent Gaussian processes are the wind's components, their magnitude is Rayleigh, and a
  power of a Rayleigh variable is Weibull of any shape. Both components are autoregressive of
  first order (Brown, Katz and Murphy, 1984, J. Climate Appl. Meteorol. 23, 1184-1195). The scale
  follows the season (windy winters) and, in summer, the hour (afternoon winds).
- Temperature is a yearly and a daily cosine, the daily one larger in summer, plus weather that
  persists for some days.
- Wind comes from one of two prevailing directions, the stronger from the east, around which it
  veers slowly.
- Power of one turbine follows the cubic curve between cut-in and rated speed, is constant up to
  cut-out and zero beyond (Carrillo et al., 2013, Renew. Sustain. Energy Rev. 21, 572-581), at
  the speed that air of standard density would need for the same energy, v (rho/rho0)^(1/3)
  (IEC 61400-12-1). The farm is the mean of turbines that see a little more or less wind, which
  rounds the curve's corners (Norgaard and Holttinen, 2004, Nordic Wind Power Conference).
- A few percent are lost at random to wakes, icing and maintenance.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from training.features import COLUMNS, DATE, READING_HOURS, TARGET

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hours = NDArray[np.float64]

NAME = "windfarm-synthetic"
FIRST_DAY = "2014-01-01"
LAST_DAY = "2020-12-31"
SEED = 20140101
HOURS = 24

WEIBULL_SHAPE = 1.6
MEAN_SCALE = 5.8  # m/s, of the Weibull distribution, over the year
SEASONAL_SCALE = 0.16  # share by which midwinter is windier and midsummer calmer
DIURNAL_SCALE = 0.22  # share by which summer afternoons are windier
WIND_MEMORY = 18.0  # hours until the correlation of a component has fallen to 1/e

CUT_IN = 2.5  # m/s
RATED = 10.0  # m/s
CUT_OUT = 25.0  # m/s
RATED_POWER = 9_500.0  # kW, the whole farm
TURBINES = np.linspace(0.88, 1.12, 9)  # the share of the farm's wind that each turbine sees
LOSS = 0.04  # mean share of a day's power that is lost

STANDARD_KELVIN = 288.15  # 15 °C, where air has its standard density
ZERO_CELSIUS = 273.15  # K


def windfarm() -> pd.DataFrame:
    """The synthetic wind farm: 2,557 days, 2014 to 2020, one row each.

    Returns:
        A frame of shape (2557, 10), indexed by date, with the columns and units of
        `training.features`. It is the same on every call and with every version of NumPy.
    """
    # RandomState, because its streams are frozen for ever (NEP 19); those of Generator are not.
    random = np.random.RandomState(SEED)
    days = pd.date_range(FIRST_DAY, LAST_DAY, freq="D", name=DATE)
    hour = np.tile(np.arange(HOURS, dtype=np.float64), len(days))
    year_angle = 2 * np.pi * np.repeat(days.day_of_year.to_numpy() / 365.25, HOURS)

    direction, easterly = _direction(random, hour.size, year_angle)
    speed = _speed(random, hour, year_angle, easterly)
    temperature = _temperature(random, hour, year_angle)
    power = _daily(_farm_power(speed, temperature))
    lost = np.minimum(random.exponential(LOSS, power.size), 1.0)

    readings = {}
    for position, start in enumerate(READING_HOURS):
        readings[f"temperature_{start:02d}"] = _reading(temperature, position)
        readings[f"wind_direction_{start:02d}"] = _direction_reading(direction, position)
        readings[f"wind_speed_{start:02d}"] = _reading(speed, position)
    readings[TARGET] = power * (1 - lost)
    # Rounding hides the last bits, in which processors' cosines differ, from the digest.
    return pd.DataFrame(readings, index=days)[list(COLUMNS)].round(4)


def _autoregressive(random: np.random.RandomState, size: int, memory: float) -> Hours:
    """A Gaussian process of unit variance whose correlation falls to 1/e in `memory` hours."""
    keep = float(np.exp(-1 / memory))
    noise = random.standard_normal(size)
    noise[1:] *= np.sqrt(1 - keep**2)
    return np.fromiter(accumulate(noise, lambda last, new: keep * last + new), np.float64, size)


def _speed(random: np.random.RandomState, hour: Hours, year_angle: Hours, easterly: Hours) -> Hours:
    """Wind speed in m/s, hour by hour."""
    components = [_autoregressive(random, hour.size, WIND_MEMORY) for _ in range(2)]
    exponential = (components[0] ** 2 + components[1] ** 2) / 2
    winter = np.cos(year_angle - 0.2)
    afternoon = np.cos(2 * np.pi * (hour - 19) / HOURS)
    scale = MEAN_SCALE * (1 + SEASONAL_SCALE * winter)
    scale *= 1 + DIURNAL_SCALE * afternoon * (1 - winter) / 2
    scale *= 0.9 + 0.25 * easterly
    speed: Hours = scale * exponential ** (1 / WEIBULL_SHAPE)
    return speed


def _direction(random: np.random.RandomState, size: int, year_angle: Hours) -> tuple[Hours, Hours]:
    """Where the wind comes from, in degrees, and how easterly it is, from 0 to 1."""
    regime = _autoregressive(random, size, 30.0) + 0.5 * np.cos(year_angle) - 0.2
    easterly = 1 / (1 + np.exp(-8 * regime))
    veer = _autoregressive(random, size, 18.0)
    return 270.0 - 165.0 * easterly + 22.0 * veer, easterly


def _temperature(random: np.random.RandomState, hour: Hours, year_angle: Hours) -> Hours:
    """Air temperature in degrees Celsius, hour by hour; midsummer in mid July."""
    summer = -np.cos(year_angle - 0.3)
    afternoon = np.cos(2 * np.pi * (hour - 16) / HOURS)
    weather = _autoregressive(random, hour.size, 90.0)
    temperature: Hours = 12.1 + 7.2 * summer + (2.3 + 2.1 * summer) * afternoon + 3.4 * weather
    return temperature


def _farm_power(speed: Hours, temperature: Hours) -> Hours:
    """Power of the farm in kW, hour by hour, before losses."""
    density = STANDARD_KELVIN / (temperature + ZERO_CELSIUS)  # relative, at constant pressure
    equivalent = speed * density ** (1 / 3)
    turbines = [turbine_power(equivalent * share) for share in TURBINES]
    power: Hours = RATED_POWER * np.mean(turbines, axis=0)
    return power


def turbine_power(speed: Hours) -> Hours:
    """The power of one turbine as a share of its rated power, by wind speed in m/s.

    >>> turbine_power(np.array([2.0, 11.0, 24.9, 25.1])).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    cubic = (speed**3 - CUT_IN**3) / (RATED**3 - CUT_IN**3)
    return np.where(speed > CUT_OUT, 0.0, np.clip(cubic, 0.0, 1.0))


def _daily(hourly: Hours) -> Hours:
    """The mean of each day."""
    means: Hours = hourly.reshape(-1, HOURS).mean(axis=1)
    return means


def _reading(hourly: Hours, position: int) -> Hours:
    """The mean of each day's eight hours that begin with the reading at `position`."""
    means: Hours = hourly.reshape(-1, len(READING_HOURS), 8)[:, position].mean(axis=1)
    return means


def _direction_reading(degrees: Hours, position: int) -> Hours:
    """Like `_reading`, for an angle: the direction of the mean vector, from 0 up to 360 degrees."""
    angle = np.deg2rad(degrees)
    sine, cosine = _reading(np.sin(angle), position), _reading(np.cos(angle), position)
    return np.rad2deg(np.arctan2(sine, cosine)) % 360
