"""Compiled trees: the numbers of the library itself, to the bit, or the library itself."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mlgitops.serve.server import compiled as module
from mlgitops.serve.server.compiled import compiled
from mlgitops.serve.server.settings import SettingsError, read
from mlgitops.serve.server.table import Table

# ruff: noqa: SLF001 - what a proof refuses is made by another order of sums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_RANDOM = np.random.default_rng(7)
ROWS = _RANDOM.normal(size=(400, 4))
NUMBERS = ROWS[:, 0] * 3 + np.sin(5 * ROWS[:, 1]) + ROWS[:, 2] * ROWS[:, 3] + 20
TWO = np.where(NUMBERS > 20, "high", "low")
THREE = np.digitize(NUMBERS, [18, 22])
COUNTS = np.round(np.abs(NUMBERS))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the server sets it."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def boosted() -> HistGradientBoostingRegressor:
    """One model for many tests."""
    return HistGradientBoostingRegressor(max_iter=60).fit(ROWS, NUMBERS)


@pytest.fixture(scope="module")
def fast(boosted: HistGradientBoostingRegressor) -> Callable[[Any], Any]:
    """Its predictions, compiled."""
    found, how = compiled(boosted, "predict", close=False)
    assert how == "exact"
    return found


def equal(fast: Callable[[Any], Any], slow: Callable[[Any], Any], rows: Any) -> bool:
    """Whether both give the same bits, types and shapes, of all rows and of some alone."""
    each = [slice(at, at + 1) for at in range(0, len(rows), 1 + len(rows) // 6)]
    return all(_bits(fast(rows[part])) == _bits(slow(rows[part])) for part in (slice(None), *each))


def _bits(found: Any) -> tuple[Any, ...]:
    """An answer, as bytes where they are its value."""
    values = found.tolist() if found.dtype.kind == "O" else found.tobytes()
    return found.dtype, found.shape, values


@pytest.mark.parametrize(
    ("model", "wanted", "method"),
    [
        (HistGradientBoostingRegressor(max_iter=40), NUMBERS, "predict"),
        (HistGradientBoostingRegressor(max_iter=20, loss="poisson"), COUNTS, "predict"),
        (HistGradientBoostingRegressor(max_iter=10, max_leaf_nodes=2), NUMBERS, "predict"),
        (HistGradientBoostingClassifier(max_iter=20), TWO, "predict"),
        (HistGradientBoostingClassifier(max_iter=20), THREE, "predict_proba"),
        (GradientBoostingRegressor(n_estimators=40), NUMBERS, "predict"),
        (GradientBoostingRegressor(n_estimators=20, init="zero"), NUMBERS, "predict"),
        (GradientBoostingRegressor(n_estimators=9, init=DummyRegressor()), NUMBERS, "predict"),
        (GradientBoostingClassifier(n_estimators=20), TWO, "predict"),
        (GradientBoostingClassifier(n_estimators=10), THREE, "predict_proba"),
        (RandomForestRegressor(20), NUMBERS, "predict"),
        (RandomForestClassifier(20), TWO, "predict"),
        (RandomForestClassifier(20), THREE, "predict_proba"),
        (ExtraTreesRegressor(20, bootstrap=True), NUMBERS, "predict"),
        (ExtraTreesClassifier(20), THREE, "predict_proba"),
        (make_pipeline(StandardScaler(), GradientBoostingRegressor()), NUMBERS, "predict"),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
def test_trees_are_compiled_to_the_bit(model: Any, wanted: Any, method: str) -> None:
    """Own rows, rows of all magnitudes, zeros and extremes; alone, few and many."""
    model.fit(ROWS, wanted)
    fast, how = compiled(model, method, close=False)
    slow = getattr(model, method)
    assert how == "exact"
    extremes = np.repeat([[0.0], [-0.0], [5e-324], [1e38], [-1e38]], 4, axis=1)
    sizes = 10.0 ** np.arange(-4, 4)[:, None]
    rows = np.vstack((extremes, *(ROWS[:4] * size for size in sizes), ROWS))
    for few in (rows[:37], rows[37:53], np.asfortranarray(rows[60:64]), rows):
        assert equal(fast, slow, few)


@given(
    rows=st.lists(
        st.lists(
            st.floats(width=64) | st.sampled_from(ROWS[:50].ravel().tolist()),
            min_size=4,
            max_size=4,
        ),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=60, deadline=None)
def test_whatever_the_row(
    boosted: HistGradientBoostingRegressor, fast: Callable[[Any], Any], rows: list[list[float]]
) -> None:
    """Any float, also NaN: what is not certain is left to the library."""
    array = np.array(rows)
    array[np.isinf(array)] = 1.0  # scikit-learn refuses it
    assert equal(fast, boosted.predict, array)


def test_each_threshold_and_its_neighbours(
    boosted: HistGradientBoostingRegressor, fast: Callable[[Any], Any]
) -> None:
    """A value at a threshold goes left, the next one right, as in the library."""
    nodes = np.concatenate([tree.nodes for (tree,) in boosted._predictors])
    nodes = nodes[~nodes["is_leaf"].astype(bool)][:300]
    for beside in (-np.inf, 0.0, np.inf):
        rows = np.resize(ROWS, (len(nodes), 4)).copy()
        at = nodes["num_threshold"]
        rows[np.arange(len(nodes)), nodes["feature_idx"]] = (
            np.nextafter(at, beside) if beside else at
        )
        ours = np.concatenate([fast(row[None]) for row in rows])
        assert ours.tobytes() == boosted.predict(rows).tobytes()


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, np.nan, 1e39])
def test_what_a_library_refuses_is_refused(wrong: float) -> None:
    """A number too large for float32, or none: the same error, from the library."""
    model = GradientBoostingRegressor(n_estimators=5).fit(ROWS, NUMBERS)
    fast, how = compiled(model, "predict", close=False)
    assert how == "exact"
    rows = ROWS[:2].copy()
    rows[1, 1] = wrong
    with pytest.raises(ValueError, match="Input X contains") as theirs:
        model.predict(rows)
    with pytest.raises(ValueError, match="Input X contains") as ours:
        fast(rows)
    assert str(ours.value) == str(theirs.value)


def test_a_forest_of_many_threads_is_held_to_one_of_one() -> None:
    """Threads add up in any order: the answer is that of one thread, each time."""
    model = RandomForestRegressor(20, n_jobs=2, random_state=0).fit(ROWS, NUMBERS)
    fast, how = compiled(model, "predict", close=False)
    alone = RandomForestRegressor(20, n_jobs=1, random_state=0).fit(ROWS, NUMBERS)
    assert how == "exact"
    assert fast(ROWS[:50]).tobytes() == alone.predict(ROWS[:50]).tobytes()
    assert model.n_jobs == 2


class Mine(GradientBoostingRegressor):  # type: ignore[misc]
    """A class of the user's own."""

    def predict(self, rows: Any) -> Any:
        """Something else."""
        return super().predict(rows) + 1


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        Mine(n_estimators=5),
        GradientBoostingRegressor(n_estimators=5, init=LinearRegression()),
        HistGradientBoostingRegressor(max_iter=5, categorical_features=[3]),
        make_pipeline(StandardScaler(), LinearRegression()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_has_no_known_trees_stays_as_it_is(model: Any) -> None:
    """Other models, own classes, a model to begin with, categories: the model's own method."""
    rows = np.hstack((ROWS[:, :3], np.digitize(ROWS[:, 3:], [-1, 0, 1])))
    model.fit(rows, NUMBERS)
    assert compiled(model, "predict", close=True) == (model.predict, "no")


def test_what_differs_in_the_last_bits_has_to_be_allowed(
    boosted: HistGradientBoostingRegressor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Another order of sums: the log says so, and nothing is compiled unless that will do."""
    add = module._Nodes.sums

    def otherwise(nodes: Any, rows: Any) -> Any:
        return add(nodes, rows) * (1 + 4e-16)

    monkeypatch.setattr(module._Nodes, "sums", otherwise)
    with caplog.at_level(logging.INFO, "serving"):
        assert compiled(boosted, "predict", close=False) == (boosted.predict, "no")
        fast, how = compiled(boosted, "predict", close=True)
    assert how == "close"
    np.testing.assert_allclose(fast(ROWS[:5]), boosted.predict(ROWS[:5]), rtol=1e-12)
    assert caplog.messages == [
        "HistGradientBoostingRegressor agrees within 1e-12 if compiled; --compile allows it",
        "HistGradientBoostingRegressor is compiled: within 1e-12",
    ]


@pytest.mark.parametrize("factor", [1 + 1e-9, np.nan])
def test_what_differs_is_never_compiled(
    boosted: HistGradientBoostingRegressor, monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    """Beyond 1e-12, or no number: the model's own, whatever is allowed."""
    add = module._Nodes.sums
    monkeypatch.setattr(module._Nodes, "sums", lambda nodes, rows: add(nodes, rows) * factor)
    assert compiled(boosted, "predict", close=True) == (boosted.predict, "no")


def _saved(library: str, model: Any, folder: Path) -> Any:
    """The model as MLflow loads it, with a signature of doubles."""
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature

    frame = pd.DataFrame(ROWS, columns=list("abcd"))
    flavour = getattr(mlflow, library)
    model.fit(frame, NUMBERS)
    flavour.save_model(model, folder, signature=infer_signature(frame), pip_requirements=["mlflow"])
    return mlflow.pyfunc.load_model(str(folder))


@pytest.mark.parametrize(("library", "expected"), [("lightgbm", "exact"), ("xgboost", "no")])
def test_lightgbm_and_xgboost_take_the_short_way(
    library: str, expected: str, tmp_path: Path
) -> None:
    """Their answers are MLflow's to the letter; LightGBM's Booster is asked directly."""
    from mlflow.pyfunc.scoring_server import invocations

    if library == "lightgbm":
        import lightgbm

        model: Any = lightgbm.LGBMRegressor(n_estimators=20, n_jobs=1, verbose=-1)
    else:
        import xgboost

        model = xgboost.XGBRegressor(n_estimators=20, n_jobs=1)
    loaded = _saved(library, model, tmp_path / "model")
    schema = loaded.metadata.get_input_schema()

    def theirs(request: Any) -> str:
        return str(invocations(request, "application/json", loaded, schema).response)

    table = Table.of(loaded, theirs)
    assert table is not None
    assert table.compiled == expected
    for rows in (ROWS[:1], ROWS[:30], ROWS[:300]):
        request = {"dataframe_split": {"columns": list("abcd"), "data": rows.tolist()}}
        assert table.predict(request) == theirs(request)


@pytest.mark.parametrize(("given", "expected"), [("", False), ("0", False), ("1", True)])
def test_the_environment_allows_it(given: str, expected: bool) -> None:
    """SERVING_COMPILE=1 is what `image build --compile` sets."""
    assert read({"SERVING_COMPILE": given}).compile is expected


def test_an_environment_that_makes_no_sense() -> None:
    """It is named."""
    with pytest.raises(SettingsError, match="SERVING_COMPILE=yes"):
        read({"SERVING_COMPILE": "yes"})
