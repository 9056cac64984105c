"""The benchmark's model as BentoML serves it; BentoML is in an environment of its own."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import bentoml
import numpy as np


@bentoml.service(workers=1)
class Wind:
    """As BentoML's own tutorial would do it."""

    def __init__(self) -> None:
        self._model = pickle.loads(Path(os.environ["MODEL"]).read_bytes())  # noqa: S301

    @bentoml.api(route="/invocations")  # type: ignore[untyped-decorator]
    def predict(self, dataframe_records: list[dict[str, float]]) -> dict[str, list[float]]:
        """Predictions of some rows."""
        rows = np.array([list(record.values()) for record in dataframe_records])
        return {"predictions": self._model.predict(rows).tolist()}
