"""Where a version is worse although its mean is better: both versions on parts of the rows. Pure.

Many slices are looked at, and by chance some look worse. Their intervals therefore hold for all of
them at once: each is as wide as the largest deviation of any slice in the bootstrap asks for.
"""

from __future__ import annotations

import calendar
import math
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING

from mlgitops.core.evidence import Slice
from mlgitops.core.metrics import SLICED, Interval
from mlgitops.review import bootstrap
from mlgitops.words import brief

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import pandas as pd

    from mlgitops.core.evidence import Predictions
    from mlgitops.review.rows import Rows

    Group = tuple[str, str, np.ndarray]  # column, label, which rows: bool, of shape (rows,)

ENOUGH = 30  # rows of a slice
_MOST = 300  # slices, so that frames of very many columns take no minutes
_DISTINCT = 10  # numbers with more values than these are cut into quartiles
_CATEGORIES = 12  # of a column, the most frequent ones
_LONGEST = 40  # characters of a category
_QUARTERS = ("January to March", "April to June", "July to September", "October to December")


def measure(rows: Rows, found: Predictions) -> tuple[Slice, ...]:
    """Both versions on each slice, the one where the new version is worse by most first.

    A slice is a category or a quartile of a column, or a month or a quarter where rows are days. It
    has at least `ENOUGH` rows, and not all. Its metric is the mean absolute error, or the accuracy.

    Returns:
        Nothing where the true values or the old predictions are not known.
    """
    import numpy as np

    known = (one.metric for one in found.scores if bootstrap.known(one))
    metric = next((name for name in known if name in SLICED), None)
    actual, old = found.series.actual, found.series.old
    groups = list(islice(_groups(rows.frame, rows.labels), _MOST)) if metric else []
    if metric is None or actual is None or old is None or not groups:
        return ()
    parts = bootstrap.MEASURES[metric].parts
    losses = np.hstack([parts(actual, old), parts(actual, found.series.new)])
    masks = np.column_stack([mask for *_, mask in groups])
    counted = masks.sum(axis=0)
    means = (losses.T @ masks / counted).T
    bounds = at_once(losses[:, 1] - losses[:, 0], masks)
    slices = [
        Slice(
            column=column,
            label=label,
            rows=int(count),
            metric=metric,
            better=SLICED[metric],
            old=float(was),
            new=float(will_be),
            interval=Interval(low=float(low), high=float(high), level=bootstrap.LEVEL),
        )
        for (column, label, _), count, (was, will_be), (low, high) in zip(
            groups, counted, means, bounds, strict=True
        )
    ]
    return tuple(sorted(slices, key=lambda one: -one.regression))


def at_once(gaps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Intervals of the mean gap of each slice that hold together; of shape (slices, 2).

    Args:
        gaps: new minus old, of shape (rows,).
        masks: which rows a slice holds, of shape (rows, slices).
    """
    import numpy as np

    sums = np.hstack([gaps[:, None] * masks, masks])
    observed, drawn = (_ratio(means) for means in (sums.mean(axis=0), bootstrap.resampled(sums)))
    error = drawn.std(axis=0)
    off = np.divide(abs(drawn - observed), error, out=np.zeros_like(drawn), where=error > 0)
    reach = np.quantile(off.max(axis=1), bootstrap.LEVEL) * error
    return np.column_stack([observed - reach, observed + reach])


def _ratio(means: np.ndarray) -> np.ndarray:
    """The first half of the last axis by the second."""
    half = means.shape[-1] // 2
    found: np.ndarray = means[..., :half] / means[..., half:]
    return found


def _groups(frame: pd.DataFrame, labels: Sequence[str]) -> Iterator[Group]:
    """The slices with enough rows, those of the calendar first."""
    days = _days(labels)
    if days is not None:
        months = [day.month - 1 for day in days]
        yield from _large("quarter", [month // 3 for month in months], _QUARTERS)
        yield from _large("month", months, calendar.month_name[1:])
    for at, name in enumerate(frame.columns):
        yield from _large(str(name), *_parted(frame.iloc[:, at]))


def _large(column: str, codes: Sequence[int] | np.ndarray, names: Sequence[str]) -> Iterator[Group]:
    """Of each name, the rows with its number; only where these are enough, and not all."""
    import numpy as np

    numbers = np.asarray(codes)
    for code, name in enumerate(names):
        mask = numbers == code
        if ENOUGH <= mask.sum() < len(mask):
            yield column, name, mask


def _days(labels: Sequence[str]) -> list[date] | None:
    """The days that rows are called by; None if they are called otherwise."""
    if any(len(label) != len("2019-01-01") for label in labels):
        return None  # numbers such as 20190101 are ISO's, too
    try:
        return [date.fromisoformat(label) for label in labels]
    except ValueError:
        return None


def _parted(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """For each row the number of its part, and the parts' names: quartiles, else categories."""
    import numpy as np
    import pandas as pd

    try:
        codes, values = pd.factorize(column)
    except TypeError:  # lists and the like are no categories
        return np.full(len(column), -1), []
    numbers = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if numbers and len(values) > _DISTINCT:
        codes, names = _quartiles(column.to_numpy(dtype=float, na_value=math.nan))
    else:
        often = np.argsort(-np.bincount(codes[codes >= 0], minlength=len(values)), kind="stable")
        kept = often[:_CATEGORIES]
        rank = np.full(len(values) + 1, -1)  # the last is for what is missing
        rank[kept] = np.arange(len(kept))
        codes = np.where(codes >= 0, rank[codes], -1)
        names = [_name(values[code]) for code in kept]
    missing = column.isna().to_numpy()
    return np.where(missing, len(names), codes), [*names, "missing"]


def _quartiles(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """For each row the number of its quartile, and the lowest and highest value of each."""
    import numpy as np

    usable = np.isfinite(values)
    known = values[usable]
    cuts = np.unique(np.quantile(known, [0.25, 0.5, 0.75])) if len(known) else np.empty(0)
    codes = np.where(usable, np.searchsorted(cuts, values), -1)
    names = []
    for code in range(len(cuts) + 1):
        part = values[codes == code]
        names.append(f"{part.min():.4g} to {part.max():.4g}" if len(part) else "")
    return codes, names


def _name(value: object) -> str:
    return brief(f"{value:g}" if isinstance(value, float) else value, _LONGEST)
