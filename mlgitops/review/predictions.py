"""How the answers of two versions to the same rows differ. Pure."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core.evidence import Answer, Mover, Predictions, Series
from mlgitops.core.metrics import Difference, direction

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from mlgitops.core.directions import Direction
    from mlgitops.core.evidence import PredictionKind
    from mlgitops.review.answers import Scored
    from mlgitops.review.rows import Rows

TOLERANCE = 0.01
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_MOVERS = 5
_CLASSES = 20  # whole numbers with more values than these are counts, not classes


def contrast(
    rows: Rows,
    new: Scored,
    old: Scored | None,
    better: Mapping[str, Direction] = MappingProxyType({}),
) -> Predictions:
    """What the predictions of two versions on `rows` say; of one, where the stage was empty."""
    kind = _kind(rows, new, old)
    series = Series(
        labels=rows.labels,
        actual=rows.actual,
        new=new.predictions,
        old=old.predictions if old else None,
    )
    if rows.few:
        return Predictions(
            kind=kind,
            source=rows.source,
            series=series,
            new_cost=new.cost,
            old_cost=old.cost if old else None,
            answers=_answers(series),
        )
    changed = _changed(kind, series)
    numbers = kind == "regression"
    return Predictions(
        kind=kind,
        source=rows.source,
        series=series,
        new_cost=new.cost,
        old_cost=old.cost if old else None,
        tolerance=TOLERANCE,
        changed=None if changed is None else float(changed.mean()),
        quantiles=_quantiles(series) if numbers else MappingProxyType({}),
        movers=_movers(series) if numbers else (),
        confusion=MappingProxyType({}) if numbers else _confusion(series),
        scores=_scores(kind, series, better),
    )


def _answers(series: Series) -> tuple[Answer, ...]:
    new = series.new.tolist()
    old = [None] * len(new) if series.old is None else series.old.tolist()
    sides = zip(series.labels, old, new, strict=True)
    return tuple(Answer(row=row, old=was, new=is_now) for row, was, is_now in sides)


def _kind(rows: Rows, new: Scored, old: Scored | None) -> PredictionKind:
    import numpy as np

    known = [new.predictions, *([old.predictions] if old else [])]
    if any(values.dtype.kind in "USOb" for values in known):
        return "classification"
    values = np.concatenate(known + ([rows.actual] if rows.actual is not None else []))
    whole = all(v.dtype.kind in "iu" for v in known)
    return "classification" if whole and len(np.unique(values)) <= _CLASSES else "regression"


def _changed(kind: PredictionKind, series: Series) -> np.ndarray | None:
    """Which rows changed; shape (rows,)."""
    import numpy as np

    if series.old is None:
        return None
    if kind == "classification":
        different: np.ndarray = series.old.astype(str) != series.new.astype(str)
        return different
    moved: np.ndarray = ~np.isclose(
        series.new, series.old, rtol=TOLERANCE, atol=1e-12, equal_nan=True
    )
    return moved


def _quantiles(series: Series) -> Mapping[float, float]:
    import numpy as np

    if series.old is None:
        return MappingProxyType({})
    difference = series.new - series.old
    usable = difference[np.isfinite(difference)]
    if not len(usable):
        return MappingProxyType({})
    found = np.quantile(usable, _QUANTILES)
    return MappingProxyType({q: float(v) for q, v in zip(_QUANTILES, found, strict=True)})


def _movers(series: Series) -> tuple[Mover, ...]:
    import numpy as np

    if series.old is None:
        return ()
    # a row that only one of them can answer has moved furthest
    distance = np.nan_to_num(np.abs(series.new - series.old), nan=np.inf)
    both_missing = np.isnan(series.new.astype(float)) & np.isnan(series.old.astype(float))
    distance[both_missing] = 0
    order = np.argsort(-distance, kind="stable")[:_MOVERS]
    return tuple(
        Mover(
            row=series.labels[i],
            old=float(series.old[i]),
            new=float(series.new[i]),
            actual=None if series.actual is None else float(series.actual[i]),
        )
        for i in order
        if distance[i] > 0
    )


def _confusion(series: Series) -> Mapping[tuple[str, str], int]:
    if series.old is None:
        return MappingProxyType({})
    pairs = zip(series.old.tolist(), series.new.tolist(), strict=True)
    counted = Counter((str(old), str(new)) for old, new in pairs)
    return MappingProxyType(dict(sorted(counted.items())))


def _scores(
    kind: PredictionKind, series: Series, better: Mapping[str, Direction]
) -> tuple[Difference, ...]:
    """The metrics that follow from predictions alone, by the names that recipes give them."""
    if series.actual is None:
        return ()
    new = _score(kind, series.actual, series.new)
    old = _score(kind, series.actual, series.old) if series.old is not None else {}
    return tuple(
        Difference(metric=name, old=old.get(name), new=new[name], better=direction(name, better))
        for name in new
    )


def _score(kind: PredictionKind, actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    import numpy as np
    from sklearn import metrics

    if kind == "classification":
        said, true = predicted.astype(str), actual.astype(predicted.dtype).astype(str)
        return {
            "accuracy": float(metrics.accuracy_score(true, said)),
            "f1_macro": float(metrics.f1_score(true, said, average="macro", zero_division=0)),
        }
    if not np.isfinite(predicted.astype(float)).all():
        return dict.fromkeys(("r2", "mae", "rmse"), float("nan"))
    return {
        "r2": float(metrics.r2_score(actual, predicted)) if len(actual) > 1 else float("nan"),
        "mae": float(metrics.mean_absolute_error(actual, predicted)),
        "rmse": float(metrics.root_mean_squared_error(actual, predicted)),
    }
