"""Courses and distributions in block characters."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.report.sparkline import BARS, GAP, histogram, line

ANY = st.none() | st.floats()  # NaN, infinity and the largest floats among them


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, None, 8], "▁▂·█"),
        ([3, 3, 3], "▄▄▄"),
        ([0.0, math.nan, 1.0, -math.inf], "▁·█·"),
        ([-1.7e308, 0, 1.7e308], "▁▅█"),
        ([], ""),
    ],
)
def test_a_course(values: list[float | None], expected: str) -> None:
    """From the lowest to the highest bar; what is no number is a gap; all the same is a level."""
    assert expected == line(values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0, 0, 1, 9], "█···▃"),
        ([3, 3], "··█··"),
        ([math.nan, math.inf], "·····"),
        ([1] + [2] * 999, "▁···█"),
    ],
)
def test_a_distribution(values: list[float], expected: str) -> None:
    """A bar for each bin that has something in it, however little."""
    assert expected == histogram(values, 5)


@given(st.lists(ANY))
def test_a_course_has_a_character_for_each_value(values: list[float | None]) -> None:
    """A gap where there is no finite number, a bar elsewhere; higher numbers have higher bars."""
    found = line(values)
    assert len(values) == len(found)
    shown = [(v, c) for v, c in zip(values, found, strict=True) if v is not None]
    finite = sorted((v, BARS.index(c)) for v, c in shown if math.isfinite(v))
    assert all(c == GAP for v, c in shown if not math.isfinite(v))
    assert [height for _, height in finite] == sorted(height for _, height in finite)


@given(st.lists(st.floats()), st.integers(min_value=1, max_value=80))
def test_a_distribution_is_as_wide_as_asked(values: list[float], width: int) -> None:
    """Its highest bin is full; without a finite number there are only gaps."""
    found = histogram(values, width)
    assert width == len(found)
    assert any(map(math.isfinite, values)) == ("█" in found)
