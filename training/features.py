"""The columns of the wind farm data: names, units and physical ranges, stated once.

A day is one row: three weather readings of temperature, wind direction and wind speed (the
readings of 00, 08 and 16 o'clock), and the power of that day.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

FeatureName = Literal[
    "temperature_00",
    "wind_direction_00",
    "wind_speed_00",
    "temperature_08",
    "wind_direction_08",
    "wind_speed_08",
    "temperature_16",
    "wind_direction_16",
    "wind_speed_16",
]

FEATURES: tuple[FeatureName, ...] = get_args(FeatureName)
TARGET = "power"
COLUMNS: tuple[str, ...] = (*FEATURES, TARGET)
DATE = "date"
VARIABLE = "WINDFARM_DATA"  # of the environment: names the file or address
READING_HOURS = (0, 8, 16)


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """The closed range of values that a column can physically take, in `unit`."""

    low: float
    high: float
    unit: str

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g} {self.unit}"


# Wider than any weather at a wind farm: what falls outside is a sentinel such as -999, a shifted
# column or a wrong unit (kelvin, pascal). A unit of about the same size cannot be told apart.
TEMPERATURE = Range(low=-50.0, high=55.0, unit="°C")
WIND_DIRECTION = Range(low=0.0, high=360.0, unit="°")
WIND_SPEED = Range(low=0.0, high=60.0, unit="m/s")
# The source states no unit. Its largest day, 10,775, suits the mean power in kW of a farm of
# about 10 MW; twice that is out of reach.
POWER = Range(low=0.0, high=20_000.0, unit="kW")

RANGES: Mapping[str, Range] = MappingProxyType(
    {
        **{name: TEMPERATURE for name in FEATURES if name.startswith("temperature")},
        **{name: WIND_DIRECTION for name in FEATURES if name.startswith("wind_direction")},
        **{name: WIND_SPEED for name in FEATURES if name.startswith("wind_speed")},
        TARGET: POWER,
    }
)
