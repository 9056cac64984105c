"""Models of scikit-learn that take tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

from harness.saved.parts import TEXTS, needs, numbers, records

if TYPE_CHECKING:
    from pathlib import Path


def _sklearn(
    folder: Path, model: Any, frame: pd.DataFrame, target: Any, **more: Any
) -> dict[str, Any]:
    model.fit(frame, target)
    given = {
        "signature": infer_signature(frame, model.predict(frame)),
        "input_example": frame[:5],
        "pip_requirements": needs("scikit-learn"),
        "serialization_format": "cloudpickle",
        **more,
    }
    mlflow.sklearn.save_model(model, folder, **given)
    return records(frame[:3])


def _linear() -> Any:
    from sklearn.linear_model import LinearRegression

    return LinearRegression()


def sklearn_pickle(folder: Path) -> dict[str, Any]:
    """A linear model, pickled."""
    frame = numbers()
    return _sklearn(folder, _linear(), frame, frame.sum(axis=1), serialization_format="pickle")


def sklearn_cloudpickle(folder: Path) -> dict[str, Any]:
    """A forest."""
    from sklearn.ensemble import RandomForestRegressor

    frame = numbers()
    return _sklearn(folder, RandomForestRegressor(20, random_state=1), frame, frame.sum(axis=1))


def sklearn_skops(folder: Path) -> dict[str, Any]:
    """A linear model, saved without pickle."""
    frame = numbers()
    kept = {"serialization_format": "skops", "pip_requirements": needs("scikit-learn", "skops")}
    return _sklearn(folder, _linear(), frame, frame.sum(axis=1), **kept)


def text_labels(folder: Path) -> dict[str, Any]:
    """A classifier of doubles whose classes are words."""
    from sklearn.linear_model import LogisticRegression

    frame = numbers()
    target = np.where(frame["x0"] > 0, "windy", "calm")
    return _sklearn(folder, LogisticRegression(), frame, target)


def boolean_labels(folder: Path) -> dict[str, Any]:
    """A classifier of doubles whose classes are true and false."""
    from sklearn.linear_model import LogisticRegression

    frame = numbers()
    return _sklearn(folder, LogisticRegression(), frame, frame["x0"] > 0)


def several_outputs(folder: Path) -> dict[str, Any]:
    """A regression of two numbers."""
    frame = numbers()
    return _sklearn(folder, _linear(), frame, frame[["x0", "x1"]].to_numpy() * 2)


def _mixed() -> pd.DataFrame:
    frame = numbers()
    frame.loc[::7, "x1"] = np.nan
    frame["place"] = ["north", "south", None, "west"] * 50
    return frame


def column_transformer(folder: Path) -> dict[str, Any]:
    """Text and missing values."""
    return _transformed(folder, _mixed())


def _transformed(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    model = make_pipeline(
        make_column_transformer(
            (SimpleImputer(), ["x0", "x1", "x2", "x3"]),
            (OneHotEncoder(handle_unknown="ignore"), ["place"]),
        ),
        _linear(),
    )
    return _sklearn(folder, model, frame, frame["x0"] * 2)


def texts(folder: Path) -> dict[str, Any]:
    """A pipeline that takes a column of text."""
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = ["strong" if re.search("storm|gale", one) else "weak" for one in TEXTS]
    model = make_pipeline(
        make_column_transformer((TfidfVectorizer(), "text")), LogisticRegression()
    )
    return _sklearn(folder, model, pd.DataFrame({"text": TEXTS}), words)


def unsigned(folder: Path) -> dict[str, Any]:
    """An input example alone."""
    frame = numbers()
    return _sklearn(folder, _linear(), frame, frame.sum(axis=1), signature=False)


def no_example(folder: Path) -> dict[str, Any]:
    """A signature alone."""
    frame = numbers()
    return _sklearn(folder, _linear(), frame, frame.sum(axis=1), input_example=None)


def numpy_1(folder: Path) -> dict[str, Any]:
    """What was trained before numpy 2."""
    return sklearn_cloudpickle(folder)


def pandas_1(folder: Path) -> dict[str, Any]:
    """What was trained before pandas 2."""
    return text_labels(folder)


def mlflow_2_9(folder: Path) -> dict[str, Any]:
    """What MLflow 2.9 wrote."""
    return _transformed(folder, _mixed().fillna({"place": "east"}))
