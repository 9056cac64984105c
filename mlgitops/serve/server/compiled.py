"""A short way through ensembles of trees, for a few rows, with the very numbers of their library.

Of a prediction of one row from hundreds of trees, libraries spend most on what surrounds the trees:
a call and its checks for each tree, threads, validation. Here all nodes of an ensemble are compared
at once, or the library's own trees are called without the detour; the leaves are added up in the
library's own order, because another order gives another last bit. What follows (links, classes)
stays the library's: only the method that adds up the trees is replaced, in a copy of the model.

Private parts of libraries are read. So nothing counts but the proof at each start: thresholds of
the trees and their neighbours, random rows and extreme ones, one by one and together.
"""

# ruff: noqa: SLF001 - see above

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    _Array = np.ndarray[Any, Any]

CLOSE = 1e-12  # the largest relative difference of an answer that is not equal to the bit
_FEW = 16  # rows up to which comparing all nodes is faster than scikit-learn's loop
_SOME = 256  # rows up to which the detour costs more than threads gain
_NODES = 512  # of a tree on average, beyond which comparing all of them is slower
_DOUBLE, _SINGLE = (float(np.finfo(kind).max) for kind in (np.float64, np.float32))
_log = logging.getLogger("serving")


@dataclass(frozen=True)
class _Way:
    """How a kind of model adds up its trees.

    Attributes:
        method: of the model, that `sums` replaces.
        sums: its result for an array (n × columns) of float64.
        most: the rows up to which it is the faster way.
        limit: the largest magnitude that it takes.
        splits: feature and threshold of each split that is known, for the proof.
    """

    method: str
    sums: Callable[[_Array], _Array]
    most: int
    limit: float
    splits: tuple[_Array, _Array]


def compiled(model: Any, method: str, *, close: bool) -> tuple[Callable[[Any], Any], str]:
    """The fastest way to a `method` of a model, or of a pipeline that ends with one.

    Args:
        model: as its library loads it.
        method: `predict`, or what the model was saved with instead.
        close: whether answers within `CLOSE` will do, where they are not equal to the bit.

    Returns:
        It, for an array (n × columns) of float64; and `exact` or `close` if trees are compiled,
        `no` if it is the model's own.
    """
    own = getattr(model, method)
    try:
        steps = model.steps if _kind(model) == ("sklearn", "Pipeline") else [("", model)]
        found = _replaced(steps[-1][1], method)
        if found is None:
            return own, "no"
        fast, exact = found
        kind = _kind(steps[-1][1])[1]
        if not exact and not close:
            _log.info("%s agrees within %g if compiled; --compile allows it", kind, CLOSE)
            return own, "no"
        _log.info("%s is compiled: %s", kind, "equal to the bit" if exact else f"within {CLOSE:g}")
        if steps[-1][1] is not model:
            pipeline = copy.copy(model)
            pipeline.steps = [*steps[:-1], (steps[-1][0], fast)]
            fast = pipeline
        return getattr(fast, method), "exact" if exact else "close"
    except Exception:  # noqa: BLE001 - private parts may differ in any way from version to version
        return own, "no"


def _replaced(model: Any, method: str) -> tuple[Any, bool] | None:
    """A copy of the model that adds up its trees faster, and whether it is equal to the bit."""
    prepare = _WAYS.get(_kind(model))
    way = prepare(model) if prepare else None
    if way is None:
        return None
    sums, most, limit = way.sums, way.most, way.limit
    slow = getattr(model, way.method)
    width = model.n_features_in_

    def short(rows: Any, *more: Any, **options: Any) -> Any:
        if (
            not more
            and not options
            and type(rows) is np.ndarray
            and rows.dtype == np.float64
            and rows.ndim == 2
            and 0 < len(rows) <= most
            and rows.shape[1] == width
            and (np.abs(rows) <= limit).all()  # and no NaN
        ):
            return sums(rows)
        return slow(rows, *more, **options)

    fast, alone = copy.copy(model), copy.copy(model)
    setattr(fast, way.method, short)
    if hasattr(alone, "n_jobs"):  # threads add up in any order, from one call to the next
        alone.n_jobs = 1
    rows = _probes(width, way)
    differences = [
        _difference(getattr(alone, name), getattr(fast, name), rows, most)
        for name in {way.method, method}
    ]
    worst = max(differences)
    return (fast, worst == 0) if worst <= CLOSE else None


def _kind(model: Any) -> tuple[str, str]:
    """The library and the name of a model's class; a class of the user's own is of neither."""
    kind = type(model)
    return kind.__module__.partition(".")[0], kind.__name__


# ---------------------------------------------------------------- all nodes of all trees at once
class _Nodes:
    """The nodes of all trees in one row of arrays; a leaf is its own child.

    Args:
        trees: in the order in which they are added; the i-th to the column i modulo `start`'s size.
            Of each: feature, threshold, left, right, value and leaf of its nodes, the root first.
        start: what the sums begin with, one for each column.
        single: whether values are compared as float32.
    """

    def __init__(self, trees: list[dict[str, _Array]], start: _Array, *, single: bool) -> None:
        sizes = [len(tree["leaf"]) for tree in trees]
        self.roots = np.cumsum([0, *sizes[:-1]])
        own, offset = np.arange(sum(sizes)), np.repeat(self.roots, sizes)
        joined = {name: np.concatenate([tree[name] for tree in trees]) for name in trees[0]}
        leaf = joined["leaf"].astype(bool)
        self.left = np.where(leaf, own, joined["left"] + offset)
        self.right = np.where(leaf, own, joined["right"] + offset)
        self.feature = np.where(leaf, 0, joined["feature"])
        self.threshold = np.where(leaf, 0.0, joined["threshold"])
        self.value, self.start, self.single = joined["value"], start, single
        self.depth, node = 0, self.roots
        while not leaf[node].all():  # the longest way, level by level
            node = np.concatenate((self.left[node], self.right[node]))
            node = node[~leaf[node]]
            self.depth += 1
        self.splits = self.feature[~leaf], self.threshold[~leaf]

    def sums(self, rows: _Array) -> _Array:
        """The sums of leaves (n × columns)."""
        if self.single:
            rows = rows.astype(np.float32).astype(np.float64)
        return np.stack([self._sum(row) for row in rows])

    def _sum(self, row: _Array) -> _Array:
        to = np.where(row.take(self.feature) <= self.threshold, self.left, self.right)
        node = self.roots
        for _ in range(self.depth):
            node = to.take(node)
        terms = np.concatenate((self.start, self.value.take(node)))
        # one after the other, as libraries add: np.sum adds in pairs
        total: _Array = np.add.accumulate(terms.reshape(-1, len(self.start)))[-1]
        return total


def _histograms(model: Any) -> _Way | None:
    """scikit-learn's HistGradientBoosting."""
    found = [tree.nodes for iteration in model._predictors for tree in iteration]
    if any(nodes["is_categorical"].any() for nodes in found) or _too_large(map(len, found)):
        return None
    names = {"feature": "feature_idx", "threshold": "num_threshold", "leaf": "is_leaf"}
    wanted = ("feature", "threshold", "left", "right", "value", "leaf")
    nodes = _Nodes(
        [{name: tree[names.get(name, name)] for name in wanted} for tree in found],
        0.0 + np.ravel(model._baseline_prediction).astype(np.float64),
        single=False,
    )
    return _Way("_raw_predict", nodes.sums, _FEW, _DOUBLE, nodes.splits)


def _boosted(model: Any) -> _Way | None:
    """scikit-learn's GradientBoosting, unless it begins with a model of its own."""
    trees = [stage.tree_ for stage in model.estimators_.ravel()]
    constant = model.init_ == "zero" or type(model.init_).__name__.startswith("Dummy")
    if not constant or _too_large(tree.node_count for tree in trees):
        return None
    nodes = _Nodes(
        [
            {
                "feature": tree.feature,
                "threshold": tree.threshold,
                "left": tree.children_left,
                "right": tree.children_right,
                "value": model.learning_rate * tree.value.ravel(),
                "leaf": tree.children_left < 0,
            }
            for tree in trees
        ],
        model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32))[0],
        single=True,
    )
    if hasattr(model, "classes_"):
        several = len(nodes.start) > 1

        def decision(rows: _Array) -> _Array:
            return nodes.sums(rows) if several else nodes.sums(rows).ravel()

        return _Way("decision_function", decision, _FEW, _SINGLE, nodes.splits)
    return _Way("predict", lambda rows: nodes.sums(rows).ravel(), _FEW, _SINGLE, nodes.splits)


def _too_large(sizes: Any) -> bool:
    counts = list(sizes)
    return not counts or sum(counts) > _NODES * len(counts)


# ---------------------------------------------------------------- the library's own trees, directly
def _forest(model: Any) -> _Way | None:
    """scikit-learn's RandomForest and ExtraTrees: their trees are deep, so each is called."""
    if model.n_outputs_ != 1:
        return None
    trees = [tree.tree_ for tree in model.estimators_]
    classes = hasattr(model, "classes_")
    # before scikit-learn 1.3, leaves hold counts
    counts = classes and not np.isclose(trees[0].value[0].sum(), 1)

    def mean(rows: _Array) -> _Array:
        narrow = np.ascontiguousarray(rows, dtype=np.float32)
        total = np.zeros((len(rows), model.n_classes_ if classes else 1))
        for tree in trees:
            found = tree.predict(narrow)
            total += found / found.sum(axis=1, keepdims=True) if counts else found
        total /= len(trees)
        return total if classes else total.ravel()

    splits = tuple(np.concatenate([getattr(t, n) for t in trees]) for n in ("feature", "threshold"))
    inner = splits[0] >= 0
    method = "predict_proba" if classes else "predict"
    return _Way(method, mean, _SOME, _SINGLE, (splits[0][inner], splits[1][inner]))


class _Listening:
    """Hears what LightGBM's wrapper asks its Booster for."""

    def predict(self, rows: _Array, **options: Any) -> _Array:
        self.options = options
        return np.zeros(len(rows))


def _lightgbm(model: Any) -> _Way | None:
    """LightGBM's Booster, without its wrapper for scikit-learn."""
    listening, asked = _Listening(), copy.copy(model)
    asked._Booster = listening
    asked.predict(np.zeros((1, model.n_features_in_)))
    booster, options = model.booster_, listening.options

    def predict(rows: _Array) -> _Array:
        found: _Array = booster.predict(rows, **options)
        return found

    nothing = np.array([], np.intp), np.array([])
    return _Way("predict", predict, _SOME, _DOUBLE, nothing)


_WAYS: dict[tuple[str, str], Callable[[Any], _Way | None]] = {
    ("sklearn", "HistGradientBoostingRegressor"): _histograms,
    ("sklearn", "HistGradientBoostingClassifier"): _histograms,
    ("sklearn", "GradientBoostingRegressor"): _boosted,
    ("sklearn", "GradientBoostingClassifier"): _boosted,
    ("sklearn", "RandomForestRegressor"): _forest,
    ("sklearn", "RandomForestClassifier"): _forest,
    ("sklearn", "ExtraTreesRegressor"): _forest,
    ("sklearn", "ExtraTreesClassifier"): _forest,
    ("lightgbm", "LGBMRegressor"): _lightgbm,
}


# ---------------------------------------------------------------- the proof
def _probes(width: int, way: _Way) -> _Array:
    """Rows at and beside the trees' thresholds, of all magnitudes, and extreme ones."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(384, width)) * 10.0 ** random.integers(-3, 5, size=(384, width))
    features, thresholds = way.splits
    finite = np.isfinite(thresholds)
    for column in range(width):
        known = thresholds[finite & (features == column)]
        if len(known):
            chosen = random.choice(known, size=256)
            shifts = np.array([-np.inf, np.inf])[random.integers(0, 2, size=256)]
            beside = np.nextafter(chosen, shifts)
            single = chosen.astype(np.float32).astype(np.float64)
            which = random.integers(0, 3, size=256)
            rows[:256, column] = np.choose(which, [chosen, beside, single])
    extremes = np.array([0.0, -0.0, 5e-324, way.limit, -way.limit, 1e-30, 1e30])
    return np.vstack((rows, np.repeat(extremes[:, None], width, axis=1)))


def _difference(
    slow: Callable[[Any], Any], fast: Callable[[Any], Any], rows: _Array, most: int
) -> float:
    """The largest relative difference; 0 only if all bits are equal, infinite if forms differ."""
    expected = slow(rows)
    some = rows[::8]
    pairs = [
        (expected, [fast(rows[at : at + most]) for at in range(0, len(rows), most)]),
        (expected[::8], [fast(some[at : at + 1]) for at in range(len(some))]),
    ]
    worst = 0.0
    for theirs, parts in pairs:
        ours = np.concatenate(parts)
        if {part.dtype for part in parts} != {theirs.dtype} or ours.shape != theirs.shape:
            return float("inf")
        if theirs.dtype.kind != "f":
            if not np.array_equal(ours, theirs):
                return float("inf")
        elif ours.tobytes() != theirs.tobytes():
            least = np.finfo(np.float64).tiny
            relative = np.abs(ours - theirs) / np.maximum(np.abs(theirs), least)
            if not relative.max() <= CLOSE:  # or it is no number
                return float("inf")
            worst = max(worst, float(relative.max()), least)
    return worst
