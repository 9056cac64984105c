"""A comparison of two real models on the synthetic wind farm, without MLflow."""

from __future__ import annotations

from functools import cache

import pytest

from mlgitops.core.evidence import Comparison, Cost, Past, Side
from mlgitops.core.metrics import differences
from mlgitops.core.version import Version
from mlgitops.review import predictions
from mlgitops.review.answers import Scored
from mlgitops.review.rows import Rows
from training.power_forecasting import Params, prepare

PARAMS = ({"estimator": "linear"}, {"estimator": "gradient_boosting", "max_iter": 60})


@cache
def comparison() -> Comparison:
    """A linear model against boosting, on the 731 days that neither has seen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("WINDFARM_DATA", raising=False)
        tasks = [prepare(Params.model_validate(params), None).fit() for params in PARAMS]
    test = tasks[0].test
    scored = [
        Scored(
            predictions=task.estimator.predict(test.features),
            cost=Cost(milliseconds=1.5, mebibytes=32.0),
        )
        for task in tasks
    ]
    metrics = [task.metrics() for task in tasks]
    rows = Rows(
        frame=test.features,
        actual=test.target.to_numpy(),
        labels=tuple(str(day.date()) for day in test.features.index),
        source="731 held-out rows of windfarm (digest 1a2b3c4d)",
    )
    old, new = (
        Side(
            label=f"version {number}",
            version=Version(number=number, status="READY", metrics=metrics[number - 1]),
        )
        for number in (1, 2)
    )
    return Comparison(
        model="power-forecasting-model",
        old=old,
        new=new,
        metrics=differences(metrics[0], metrics[1]),
        predictions=predictions.contrast(rows, scored[1], scored[0]),
        history=(
            Past(number=1, metrics=metrics[0], stages=("Production",)),
            Past(number=2, metrics=metrics[1], stages=()),
        ),
    )
