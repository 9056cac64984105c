"""How the answers of two versions to the same rows differ. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core.evidence import Answer, Mover, Predictions, Series
from mlgitops.core.metrics import Difference, direction
from mlgitops.core.predicted import Reworded
from mlgitops.review import aligned, classes, periods, vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np

    from mlgitops.core.directions import Direction
    from mlgitops.core.evidence import PredictionKind
    from mlgitops.core.predicted import Classes, Output
    from mlgitops.review.answers import Scored
    from mlgitops.review.rows import Rows

TOLERANCE = 0.01
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_MOVERS = 5
_ENOUGH = 30  # rows of an input example
_CLASSES = 20  # whole numbers with more values than these are counts, not classes
_LONGEST, _WORDS = 80, 8  # characters and words of the name of a class
_REWORDED = 20  # answers


def contrast(
    rows: Rows,
    new: Scored,
    old: Scored | None,
    better: Mapping[str, Direction] = MappingProxyType({}),
) -> Predictions:
    """What the predictions of two versions on `rows` say; of one, where the stage was empty."""
    known = [classes.named(one, rows.actual) for one in (new, *([old] if old else []))]
    series, after, before, trouble = aligned.align(rows, known[0], known[1] if old else None)
    kind = _kind(series, after, before)
    if kind not in {"regression", "classification"} or not _is_known(kind, series):
        series = replace(series, actual=None)
    # an example of so few rows that no share of them says anything
    few = rows.actual is None and len(series.new) < _ENOUGH
    changed = _changed(kind, series)
    numbers = kind == "regression" and not few
    found = None
    if kind == "classification" and not few:
        found = classes.describe(series, after, before)
    return Predictions(
        kind=kind,
        source=rows.source,
        trouble=trouble,
        series=series,
        new_cost=new.cost,
        old_cost=old.cost if old else None,
        tolerance=TOLERANCE,
        changed=None if few or changed is None else float(changed.mean()),
        quantiles=_quantiles(series) if numbers else MappingProxyType({}),
        movers=_movers(series) if numbers else (),
        confusion=_confusion(series) if found else MappingProxyType({}),
        answers=tuple(_answers(kind, series, after, before)) if few else (),
        scores=(*_scores(kind, series, better), *_more_scores(series, found)),
        periods=tuple(periods.periods(series)) if numbers else (),
        classes=found,
        outputs=_outputs(kind, series, after, few=few),
        vectors=vectors.vectors(series, few=few) if kind == "vectors" else None,
        reworded=_reworded(series, changed) if kind == "text" else (),
    )


def _answers(
    kind: PredictionKind, series: Series, new: Scored, old: Scored | None
) -> Iterator[Answer]:
    if kind not in {"regression", "classification"}:
        return
    rows = len(series.new)
    said = [None] * rows if series.old is None else series.old.tolist()
    sides = (said, series.new.tolist(), classes.sure(old, rows), classes.sure(new, rows))
    for row, was, is_now, before, after in zip(series.labels, *sides, strict=True):
        yield Answer(row=row, old=was, new=is_now, old_sure=before, new_sure=after)


def _kind(series: Series, new: Scored, old: Scored | None) -> PredictionKind:
    import numpy as np

    known = [series.new, *([series.old] if series.old is not None else [])]
    if series.new.ndim > 1:
        few = series.new.shape[1] <= vectors.FEW
        return "outputs" if few or new.columns else "vectors"
    if any(one.written for one in (new, old) if one) or _are_texts(known, series.actual):
        return "text"
    if any(values.dtype.kind in "USOb" for values in known):
        return "classification"
    if any(one.probabilities is not None for one in (new, old) if one):
        return "classification"
    values = np.concatenate(known + ([series.actual] if series.actual is not None else []))
    whole = all(v.dtype.kind in "iu" for v in known)
    return "classification" if whole and len(np.unique(values)) <= _CLASSES else "regression"


def _is_known(kind: PredictionKind, series: Series) -> bool:
    """Whether the true values are of the kind that is predicted."""
    actual = series.actual
    return actual is not None and (kind == "classification" or actual.dtype.kind in "biuf")


def _are_texts(known: list[np.ndarray], actual: np.ndarray | None) -> bool:
    """Whether answers are sentences rather than names of classes."""
    said = {one for values in known for one in values.tolist() if isinstance(one, str)}
    if any(len(one) > _LONGEST or len(one.split()) > _WORDS for one in said):
        return True
    each = min(len(values) for values in known)
    return actual is None and len(said) > max(_CLASSES, each / 2)


def _changed(kind: PredictionKind, series: Series) -> np.ndarray | None:
    """Which rows changed; shape (rows,)."""
    import numpy as np

    old, new = series.old, series.new
    if old is None or (kind == "vectors" and old.shape != new.shape):
        return None
    if kind in {"classification", "text"}:
        pairs = zip(old.tolist(), new.tolist(), strict=True)
        return np.array([str(before) != str(after) for before, after in pairs])
    if kind == "vectors":
        alike: np.ndarray = vectors.cosine(old, new) < 1 - TOLERANCE
        return alike
    moved = vectors.changed(old, new, TOLERANCE)
    return np.asarray(moved.any(axis=1)) if kind == "outputs" else moved


def _outputs(kind: PredictionKind, series: Series, new: Scored, *, few: bool) -> tuple[Output, ...]:
    if kind != "outputs":
        return ()
    found = vectors.outputs(series, new.columns, TOLERANCE)
    return tuple(replace(one, changed=None, quantiles={}) if few else one for one in found)


def _more_scores(series: Series, found: Classes | None) -> Iterator[Difference]:
    if found is not None:
        yield from classes.scores(series, found.probabilities)


def _reworded(series: Series, changed: np.ndarray | None) -> tuple[Reworded, ...]:
    import numpy as np

    every = np.ones(len(series.new), dtype=bool)
    rows = np.flatnonzero(every if changed is None else changed)[:_REWORDED]
    return tuple(
        Reworded(
            row=series.labels[index],
            old=None if series.old is None else str(series.old[index]),
            new=str(series.new[index]),
        )
        for index in rows.tolist()
    )


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
    actual = classes.true(series) if kind == "classification" else series.actual
    if actual is None:
        return ()
    new = _score(kind, actual, series.new)
    old = _score(kind, actual, series.old) if series.old is not None else {}
    return tuple(
        Difference(metric=name, old=old.get(name), new=new[name], better=direction(name, better))
        for name in new
    )


def _score(kind: PredictionKind, actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    import numpy as np
    from sklearn import metrics

    if kind == "classification":
        said = classes.texts(predicted)
        return {
            "accuracy": float(metrics.accuracy_score(actual, said)),
            "f1_macro": float(metrics.f1_score(actual, said, average="macro", zero_division=0)),
        }
    if not np.isfinite(predicted.astype(float)).all():
        return dict.fromkeys(("r2", "mae", "rmse"), float("nan"))
    return {
        "r2": float(metrics.r2_score(actual, predicted)) if len(actual) > 1 else float("nan"),
        "mae": float(metrics.mean_absolute_error(actual, predicted)),
        "rmse": float(metrics.root_mean_squared_error(actual, predicted)),
    }
