"""Models of other libraries than scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

from harness.saved.graphs import multiplied
from harness.saved.parts import needs, numbers, records

if TYPE_CHECKING:
    from pathlib import Path


def lightgbm(folder: Path) -> dict[str, Any]:
    """Trees, by their own flavour."""
    from lightgbm import LGBMRegressor

    frame = numbers()
    model = LGBMRegressor(n_estimators=10, verbose=-1).fit(frame, frame.sum(axis=1))
    mlflow.lightgbm.save_model(
        model,
        folder,
        signature=infer_signature(frame, model.predict(frame)),
        input_example=frame[:5],
        pip_requirements=needs("lightgbm", "scikit-learn", "skops"),
    )
    return records(frame[:3])


def xgboost(folder: Path) -> dict[str, Any]:
    """Trees, by their own flavour."""
    from xgboost import XGBClassifier

    frame = numbers()
    model = XGBClassifier(n_estimators=10, max_depth=2).fit(frame, (frame["x0"] > 0).astype(int))
    mlflow.xgboost.save_model(
        model,
        folder,
        signature=infer_signature(frame, model.predict(frame)),
        input_example=frame[:5],
        pip_requirements=needs("xgboost-cpu", "scikit-learn"),
    )
    return records(frame[:3])


def onnx(folder: Path) -> dict[str, Any]:
    """A network in ONNX, with tensors."""
    example = np.ones((2, 4), dtype=np.float32)
    mlflow.onnx.save_model(
        multiplied(2),
        folder,
        signature=infer_signature(example, example),
        input_example=example,
        pip_requirements=needs("onnx", "onnxruntime"),
    )
    return {"inputs": example.tolist()}


def statsmodels(folder: Path) -> dict[str, Any]:
    """A forecast: which steps, from the start to the end."""
    from statsmodels.tsa.arima.model import ARIMA

    series = np.cumsum(np.random.default_rng(1).normal(size=120)) + 50
    example = pd.DataFrame({"start": [120], "end": [124]})
    model = ARIMA(series, order=(1, 1, 0)).fit()
    mlflow.statsmodels.save_model(
        model,
        folder,
        signature=infer_signature(example, model.predict(120, 124)),
        input_example=example,
        pip_requirements=needs("statsmodels"),
    )
    return records(example)
