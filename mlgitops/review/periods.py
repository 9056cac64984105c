"""Errors over time, where rows are days or times. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.core.predicted import Period

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from mlgitops.core.evidence import Series

_LENGTHS = ("D", "W", "M", "Q", "Y")  # pandas' names of periods, the shortest first
_MOST = 24  # periods; longer ones are taken instead of more


def periods(series: Series) -> Iterator[Period]:
    """The errors of each period, ascending; none where rows are no days or times."""
    import numpy as np
    import pandas as pd

    if series.actual is None:
        return
    try:
        times = pd.to_datetime(list(series.labels), format="ISO8601", utc=True).tz_localize(None)
    except ValueError:
        return
    parts = (times.to_period(length) for length in _LENGTHS)
    most = min(_MOST, len(times) // 2)  # a period of one row would say what that row says
    chosen = next((one for one in parts if one.nunique() <= most), times.to_period("Y"))
    new = np.asarray(series.new, dtype=float) - series.actual
    old = None if series.old is None else np.asarray(series.old, dtype=float) - series.actual
    if chosen.nunique() < 2:
        return
    for period in sorted(set(chosen)):
        inside = chosen == period
        yield Period(
            label=str(period),
            rows=int(inside.sum()),
            old_mean=None if old is None else _mean(old[inside]),
            new_mean=_mean(new[inside]),
            old_mae=None if old is None else _mean(np.abs(old[inside])),
            new_mae=_mean(np.abs(new[inside])),
        )


def _mean(errors: np.ndarray) -> float:
    """Of those that are numbers; NaN if none is."""
    import numpy as np

    usable = errors[np.isfinite(errors)]
    return float(usable.mean()) if len(usable) else float("nan")
