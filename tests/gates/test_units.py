"""Times and sizes as models.yaml writes them."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mlgitops.gates import units

BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
DECIMALS = st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,9})?", fullmatch=True, alphabet="0123456789.")


@given(st.integers(1, 99_999), st.sampled_from(["m", "h", "d"]))
def test_a_duration_is_spelled_as_what_it_is(amount: int, unit: str) -> None:
    """Reading and spelling it gives the same time, in parts that can be read again."""
    text = f"{amount}{unit}"
    assert re.search(units.DURATION, text)
    span = units.duration(text)
    seconds = {"m": 60, "h": 3600, "d": 86_400}[unit]
    assert span == timedelta(seconds=amount * seconds)
    parts = units.spelled(span).split()
    assert span == sum((units.duration(part) for part in parts), timedelta())


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9999)))
def test_a_time_is_spelled_down_to_the_minute(span: timedelta) -> None:
    """Less than a minute is dropped, never added."""
    parts = units.spelled(span).split()
    read = sum((units.duration(part) for part in parts if part != "0m"), timedelta())
    assert timedelta(0) <= span - read < timedelta(minutes=1)


@given(DECIMALS, st.sampled_from(sorted(BYTES)))
def test_a_size_is_exact(number: str, unit: str) -> None:
    """Whole bytes, rounded down, without the errors of binary fractions."""
    assert re.search(units.SIZE, number + unit)
    assert units.size(number + unit) == Fraction(number) * BYTES[unit] // 1


@given(DECIMALS, DECIMALS, st.sampled_from(sorted(BYTES)), st.sampled_from(["ms", "s"]))
def test_a_larger_number_is_no_smaller_amount(one: str, two: str, size: str, time: str) -> None:
    """Order is kept within a unit, and a second is a thousand milliseconds."""
    small, large = sorted((one, two), key=Fraction)
    assert units.size(small + size) <= units.size(large + size)
    assert units.milliseconds(small + time) <= units.milliseconds(large + time)
    assert units.milliseconds(f"{one}s") == float(Fraction(one) * 1000)
