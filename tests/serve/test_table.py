"""The short way beside MLflow's: which models take it, and that their answers are the same."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from mlflow.pyfunc import scoring_server
from sklearn.datasets import make_regression
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    SGDRegressor,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

from mlgitops.serve.server.scoring import Scorer
from mlgitops.serve.server.settings import read
from mlgitops.serve.server.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlflow.pyfunc import PyFuncModel

NAMES = ["a", "b", "c", "d", "e"]
LABELS: dict[str, list[Any] | tuple[str, ...]] = {
    "words": ["calm", "breeze", "gale \N{EN DASH} 9 Bft"],
    "column of words": ("calm", "breeze", "gale"),
    "truth values": [True, False, True],
    "integers": [7, 8, 9],
}
REGRESSORS = [
    LinearRegression(),
    Ridge(),
    Lasso(),
    ElasticNet(),
    BayesianRidge(),
    SGDRegressor(),
    SVR(),
    KNeighborsRegressor(),
    DecisionTreeRegressor(),
    MLPRegressor(max_iter=20),
    RandomForestRegressor(5),
    ExtraTreesRegressor(5),
    GradientBoostingRegressor(n_estimators=5),
    HistGradientBoostingRegressor(max_iter=5),
    make_pipeline(StandardScaler(), LinearRegression()),
    make_pipeline(PolynomialFeatures(), Ridge()),
]


def rows(count: int = 60) -> pd.DataFrame:
    """Measurements of five columns."""
    made = make_regression(count, len(NAMES), random_state=1)[0]
    return pd.DataFrame(made * [1, 10, 100, 0.1, 7], columns=NAMES)


def asked(form: Literal["records", "split"], count: int) -> bytes:
    """A request for predictions of some rows."""
    table = rows()[:count]
    return json.dumps({f"dataframe_{form}": table.to_dict(form)}).encode()


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[[Any], PyFuncModel]:
    """Saves a model as MLflow does, and loads it."""

    def made(estimator: Any) -> PyFuncModel:
        mlflow.sklearn.save_model(
            estimator,
            tmp_path / "model",
            serialization_format="cloudpickle",
            signature=infer_signature(rows()),
            pip_requirements=["mlflow"],
        )
        found: PyFuncModel = mlflow.pyfunc.load_model(str(tmp_path / "model"))
        return found

    return made


def takes_the_short_way(model: PyFuncModel) -> bool:
    """Whether it answers as MLflow does, to the letter, by the short way; for 1 row and for 40."""

    def theirs(request: Any) -> str:
        schema = model.metadata.get_input_schema()
        found = scoring_server.invocations(request, "application/json", model, schema)
        return str(found.response)

    ours, table = Scorer(model, read({})), Table.of(model, theirs)
    forms: tuple[Literal["records", "split"], ...] = ("records", "split")
    for form in forms:
        for count in (1, 40):
            body = asked(form, count)
            answer = ours.answer(body, "application/json")
            assert (answer.status, answer.body) == (200, theirs(body))
            if table is not None and form == "records":
                assert table.predict(json.loads(body)) == answer.body
    return table is not None


def name(estimator: Any) -> str:
    """What a test is called by."""
    steps = getattr(estimator, "steps", [("", estimator)])
    return "-".join(type(step).__name__ for _, step in steps)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", REGRESSORS, ids=name)
def test_regressors_take_the_short_way(estimator: Any, loaded: Callable[..., PyFuncModel]) -> None:
    """Linear models too, whose last bits depend on the order of the numbers in memory."""
    table = rows()
    estimator.fit(table, table["a"] * 2 + table["c"] - table["b"] ** 2)
    assert takes_the_short_way(loaded(estimator))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_classifiers_take_the_short_way(
    labels: list[Any] | tuple[str, ...], loaded: Callable[..., PyFuncModel]
) -> None:
    """Whatever their labels are: text, as an array or a column, truth values, integers."""
    table = rows()
    estimator = make_pipeline(StandardScaler(), LogisticRegression())
    target = np.resize(np.array(labels), len(table))
    estimator.fit(table, pd.Series(target) if isinstance(labels, tuple) else target)
    assert takes_the_short_way(loaded(estimator))


class Dates(LinearRegression):  # type: ignore[misc]
    """Predicts what only MLflow can write."""

    def predict(self, given: Any) -> Any:
        """An array of dates."""
        return np.array([date(2026, 11, 27)] * len(given))


class Named(LinearRegression):  # type: ignore[misc]
    """Predicts by the names of columns."""

    def predict(self, given: Any) -> Any:
        """One column."""
        return given["b"].to_numpy()


@pytest.mark.parametrize("kind", [Dates, Named])
def test_other_models_take_mlflows_way(
    kind: type[LinearRegression], loaded: Callable[..., PyFuncModel]
) -> None:
    """Those that need what the short way leaves out: they start, and answer as MLflow does."""
    assert not takes_the_short_way(loaded(kind().fit(rows(), np.arange(60.0))))


@pytest.mark.parametrize(
    ("records", "answer"),
    [
        ([{"x": 1.5}, {"x": 2}], '{"predictions": [1.5, 2.0]}'),
        ([{"x": 2**53}], None),
        ([{"x": 10**400}], None),
        ([{"x": float("inf")}], None),
        ([{"x": True}], None),
        ([{"x": "1"}], None),
        ([{"y": 1.0}], None),
        ([{"x": 1.0, "y": 1.0}], None),
        ([[1.0]], None),
        (["x"], None),
        ([1.0], None),
        ([], None),
    ],
)
def test_only_finite_numbers_in_the_right_columns(records: list[Any], answer: str | None) -> None:
    """All else takes MLflow's way, with a table of one column too."""
    table = Table(("x",), lambda array: array.sum(axis=1), 0)
    assert table.predict({"dataframe_records": records}) == answer
