"""Classifications of two versions: what is right, and what becomes of probabilities. Pure."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mlgitops.core.metrics import Difference, direction
from mlgitops.core.predicted import Bin, Classes, Probabilities, Recall, Switched
from mlgitops.review.answers import CLOSE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np

    from mlgitops.core.directions import Direction
    from mlgitops.core.evidence import Series
    from mlgitops.review.answers import Scored

_QUANTILES = (0.5, 0.75, 0.9, 0.95, 1.0)
_BINS = 10
_SWITCHED = 10
_TWO = 2  # classes
# for which no library has this name
_BETTER: Mapping[str, Direction] = MappingProxyType({"calibration_error": "lower"})


def named(scored: Scored, actual: np.ndarray | None) -> Scored:
    """The same with a class for each row, where a version answers with probabilities only."""
    import numpy as np

    values = scored.predictions
    if scored.written or values.dtype.kind != "f":
        return scored
    known = None if actual is None else np.unique(actual)
    two = known is not None and len(known) == _TWO
    if values.ndim == 1 and two and _are_shares(values) and (values % 1).any():
        values = np.stack([1 - values, values], axis=1)
    elif values.ndim == 1 or not _are_shares(values) or not _sum_to_one(values):
        return scored
    width = values.shape[1]
    if scored.columns:
        classes = np.asarray(scored.columns)
    else:
        classes = known if known is not None and len(known) == width else np.arange(width)
    return replace(
        scored,
        predictions=classes[values.argmax(axis=1)],
        columns=(),
        classes=tuple(map(str, classes.tolist())),
        probabilities=values,
    )


def _are_shares(values: np.ndarray) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())


def _sum_to_one(values: np.ndarray) -> bool:
    return bool((abs(values.sum(axis=1) - 1) < CLOSE).all())


def describe(series: Series, new: Scored, old: Scored | None) -> Classes:
    """What there is to know of a classification beside which class became which."""
    found = _probabilities(series, new, old)
    before = None if series.old is None else texts(series.old)
    after, actual = texts(series.new), true(series)
    broken = mended = None
    if actual is not None and before is not None:
        was, is_now = before == actual, after == actual
        broken, mended = int((was & ~is_now).sum()), int((is_now & ~was).sum())
    return Classes(
        broken=broken,
        mended=mended,
        recalls=() if actual is None else tuple(_recalls(actual, before, after)),
        switched=tuple(_switched(before, after, actual, series.labels, found)),
        probabilities=found,
    )


def true(series: Series) -> np.ndarray | None:
    """The true classes as predictions write them; shape (rows,)."""
    return None if series.actual is None else as_predicted(series.actual, series.new)


def as_predicted(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """True classes as predictions write them; both of shape (rows,)."""
    if predicted.dtype.kind in "biuf":
        with suppress(ValueError, OverflowError):  # they are no numbers: each is another class
            actual = actual.astype(predicted.dtype)
    return texts(actual)


def scores(series: Series, found: Probabilities | None) -> Iterator[Difference]:
    """The metrics of probabilities, where the true classes are known."""
    actual = true(series)
    if found is None or actual is None:
        return
    new = _score(actual, found.classes, found.new, found.new_bins)
    old = {} if found.old is None else _score(actual, found.classes, found.old, found.old_bins)
    for name, value in new.items():
        yield Difference(metric=name, old=old.get(name), new=value, better=direction(name, _BETTER))


def texts(values: np.ndarray) -> np.ndarray:
    """Classes as texts, each of its own length."""
    import numpy as np

    return np.array([str(one) for one in values.tolist()], dtype=object)


def sure(scored: Scored | None, rows: int) -> tuple[float | None, ...]:
    """How sure a version is of what it answers to each row; None where it does not say."""
    if scored is None or scored.probabilities is None:
        return (None,) * rows
    where = {name: index for index, name in enumerate(scored.classes)}
    said = zip(scored.probabilities, texts(scored.predictions), strict=True)
    return tuple(float(row[where[name]]) if name in where else None for row, name in said)


def _probabilities(series: Series, new: Scored, old: Scored | None) -> Probabilities | None:
    if new.probabilities is None:
        return None
    import numpy as np

    before = old if old is not None and old.probabilities is not None else None
    classes = tuple(dict.fromkeys((*new.classes, *(before.classes if before else ()))))
    after = _of(new, classes)
    was = _of(before, classes) if before else None
    moved = None if was is None else np.abs(after - was).sum(axis=1) / 2
    actual = true(series)
    return Probabilities(
        classes=classes,
        new=after,
        old=was,
        moved=MappingProxyType(
            {}
            if moved is None
            else {share: float(np.quantile(moved, share)) for share in _QUANTILES}
        ),
        event=classes[1] if len(classes) == _TWO else "",
        new_bins=() if actual is None else tuple(_bins(actual, classes, after)),
        old_bins=() if actual is None or was is None else tuple(_bins(actual, classes, was)),
    )


def _of(scored: Scored, classes: tuple[str, ...]) -> np.ndarray:
    """The probabilities of these classes; 0 of those that the version does not know."""
    import numpy as np

    assert scored.probabilities is not None
    found = np.zeros((len(scored.probabilities), len(classes)))
    found[:, [classes.index(name) for name in scored.classes]] = scored.probabilities
    return found


def _bins(actual: Any, classes: tuple[str, ...], said: np.ndarray) -> Iterator[Bin]:
    import numpy as np

    if len(classes) == _TWO:
        given, came = said[:, 1], actual == classes[1]
    else:
        given = said.max(axis=1)
        came = actual == np.array(classes, dtype=object)[said.argmax(axis=1)]
    which = np.minimum((given * _BINS).astype(int), _BINS - 1)
    for index in range(_BINS):
        inside = which == index
        if inside.any():
            share = float(came[inside].astype(float).mean())
            yield Bin(said=float(given[inside].mean()), true=share, rows=int(inside.sum()))


def _score(
    actual: Any, classes: tuple[str, ...], said: np.ndarray, bins: tuple[Bin, ...]
) -> dict[str, float]:
    import numpy as np
    from sklearn import metrics

    known = sorted({*classes, *actual.tolist()})
    padded = np.zeros((len(said), len(known)))
    padded[:, [known.index(name) for name in classes]] = said
    padded /= padded.sum(axis=1, keepdims=True)
    given = padded[:, 1] if len(known) == _TWO else padded
    binary = {"pos_label": known[1]} if len(known) == _TWO else {}
    found = {
        "log_loss": metrics.log_loss(actual, padded, labels=known),
        "brier_score": metrics.brier_score_loss(actual, given, labels=known, **binary),
        "calibration_error": sum(one.rows * abs(one.said - one.true) for one in bins) / len(actual),
    }
    if len(set(actual.tolist())) == len(known) > 1:
        found["roc_auc"] = metrics.roc_auc_score(actual, given, labels=known, multi_class="ovr")
    return {name: float(value) for name, value in found.items()}


def _recalls(actual: Any, before: Any, after: Any) -> Iterator[Recall]:
    sizes = Counter(actual.tolist())
    for name, rows in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        of_class = actual == name
        yield Recall(
            name=name,
            rows=rows,
            old=None if before is None else _share(before[of_class] == name),
            new=_share(after[of_class] == name),
            old_precision=None if before is None else _share(of_class[before == name]),
            new_precision=_share(of_class[after == name]),
        )


def _share(hits: Any) -> float | None:
    return float(hits.astype(float).mean()) if len(hits) else None


def _switched(
    before: Any, after: Any, actual: Any, labels: tuple[str, ...], found: Probabilities | None
) -> Iterator[Switched]:
    import numpy as np

    if before is None:
        return
    both = None if found is None or found.old is None else (found.old, found.new)
    moved = np.zeros(len(after)) if both is None else np.abs(both[1] - both[0]).sum(axis=1)
    changed = before != after
    order = [index for index in np.argsort(-moved, kind="stable") if changed[index]]
    for index in order[:_SWITCHED]:
        old, new = before[index], after[index]
        yield Switched(
            row=labels[index],
            old=old,
            new=new,
            old_probability=_given(found, found.old if found else None, index, old),
            new_probability=_given(found, found.new if found else None, index, new),
            actual=None if actual is None else actual[index],
        )


def _given(
    found: Probabilities | None, said: np.ndarray | None, row: int, name: str
) -> float | None:
    if found is None or said is None or name not in found.classes:
        return None
    return float(said[row, found.classes.index(name)])
