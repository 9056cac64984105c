"""Courses and distributions in one line of block characters, for where no picture shows. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

BARS = "▁▂▃▄▅▆▇█"
GAP = "·"  # no value, or none in a bin
_LEVEL = BARS[3]  # of values that are all the same


def line(values: Iterable[float | None]) -> str:
    """A bar for each value, from the lowest to the highest; a gap where one is missing, NaN or ∞.

    >>> line([1, 2, None, 8])
    '▁▂·█'
    """
    listed = [value if value is not None and math.isfinite(value) else None for value in values]
    known = [value for value in listed if value is not None]
    shares = _shares(known)
    if shares is None:
        return "".join(GAP if value is None else _LEVEL for value in listed)
    bars = iter([_bar(share) for share in shares])
    return "".join(GAP if value is None else next(bars) for value in listed)


def histogram(values: Iterable[float], width: int) -> str:
    """How many values are in each of `width` bins of equal size, lowest first; NaN and ∞ in none.

    >>> histogram([0, 0, 0, 1, 9], 5)
    '█···▃'
    """
    known = [value for value in values if math.isfinite(value)]
    counts = [0] * width
    for share in _shares(known) or [0.5] * len(known):
        counts[_index(share, width)] += 1
    most = max(counts, default=0)
    return "".join(_bar(count / most) if count else GAP for count in counts)


def _shares(values: list[float]) -> list[float] | None:
    """Where each lies between the lowest (0) and the highest (1); None if those are the same."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    span = high / 2 - low / 2  # by halves, since the whole may be more than a float holds
    return [(value / 2 - low / 2) / span for value in values] if span > 0 else None


def _bar(share: float) -> str:
    return BARS[_index(share, len(BARS))]


def _index(share: float, parts: int) -> int:
    return min(int(share * parts), parts - 1)
