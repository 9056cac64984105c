"""Tests of `training.features`."""

from training.features import COLUMNS, FEATURES, RANGES, READING_HOURS, TARGET


def test_there_are_three_quantities_for_each_reading() -> None:
    """Temperature, wind direction and wind speed are read three times a day."""
    expected = {
        f"{quantity}_{hour:02d}"
        for quantity in ("temperature", "wind_direction", "wind_speed")
        for hour in READING_HOURS
    }
    assert expected == set(FEATURES)


def test_every_column_has_a_range_with_a_unit() -> None:
    """No column goes unchecked, and each range says in which unit."""
    assert set(COLUMNS) == set(RANGES)
    assert all(one.low < one.high and one.unit for one in RANGES.values())


def test_a_range_holds_its_ends() -> None:
    """Ranges are closed: no wind and a full calm are data, not errors."""
    assert RANGES[TARGET].low in RANGES[TARGET]
    assert RANGES[TARGET].high in RANGES[TARGET]
    assert RANGES[TARGET].low - 1 not in RANGES[TARGET]
