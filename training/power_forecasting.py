"""The recipe `power_forecasting`: a day's power of the wind farm from its weather readings.

Rows are split by time, never at random: neighbouring days have much the same weather, so a
random split would test on what it trained on, and a forecast is always used on later days.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from mlgitops.errors import TrainingDataError
from mlgitops.recipes.sklearn.hyperparameters import Hyperparameters
from training.features import FEATURES, TARGET, VARIABLE, FeatureName

if TYPE_CHECKING:
    from mlgitops.recipes.data import Examples
    from mlgitops.recipes.sklearn.task import Estimator, Task
    from training.windfarm import WindFarm

USES_DATA = VARIABLE
MIN_DAYS = 30  # fewer cannot tell a good model from a bad one


def _iso_day(value: object) -> object:
    # YAML makes a date of 2018-12-31, JSON and the command line keep a text.
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        return date.fromisoformat(value)
    return value


Day = Annotated[date, BeforeValidator(_iso_day)]


class Params(Hyperparameters):
    """The parameters of the recipe."""

    estimator: Annotated[
        Literal["linear", "random_forest", "extra_trees", "gradient_boosting"],
        Field(description="the kind of estimator"),
    ]
    train_until: Annotated[Day, Field(description="the last day to train on")] = date(2018, 12, 31)
    test_from: Annotated[
        Day, Field(description="the first day to test on", validate_default=True)
    ] = date(2019, 1, 1)
    # Not strict, because lists of YAML and JSON become a tuple here, which cannot be changed.
    features: Annotated[
        tuple[FeatureName, ...],
        Field(description="the columns to learn from", strict=False),
    ] = FEATURES

    @field_validator("test_from")
    @classmethod
    def _tests_after_training(cls, value: date, info: ValidationInfo) -> date:
        until = info.data.get("train_until")
        if until and value <= until:
            raise ValueError(f"must be after train_until, {until}, got {value}")
        return value

    @field_validator("features")
    @classmethod
    def _some_and_each_once(cls, value: tuple[FeatureName, ...]) -> tuple[FeatureName, ...]:
        if not value:
            raise ValueError("names no column; omit it to learn from all columns")
        if len(set(value)) < len(value):
            raise ValueError("names a column twice")
        return value


def prepare(params: Params, data: str | None) -> Task[Estimator]:
    """Load the data and split them by time.

    Args:
        params: the parameters.
        data: a path or an address, see `training.windfarm.load`.

    Raises:
        TrainingDataError: the data cannot be used, or too few days are left to train or test.
    """
    # Here, because scikit-learn takes seconds and checking parameters does not need it.
    from mlgitops.recipes.data import Dataset
    from mlgitops.recipes.sklearn.estimators import regressor
    from mlgitops.recipes.sklearn.task import Task, regression_score
    from training.windfarm import load

    farm = load(data)
    tags = {
        "mlgitops.data.synthetic": str(farm.synthetic).lower(),
        "mlgitops.data.missing_days": str(farm.missing_days),
    }
    settings = {"train_until": params.train_until, "test_from": params.test_from}
    return Task(
        kind=params.estimator,
        estimator=regressor(params),
        train=_days(farm, params, end=params.train_until),
        test=_days(farm, params, start=params.test_from),
        dataset=Dataset(name=farm.name, source=farm.source, tags=tags),
        settings={**settings, "features": ",".join(params.features), "seed": params.seed},
        score=regression_score,
    )


def _days(
    farm: WindFarm, params: Params, *, start: date | None = None, end: date | None = None
) -> Examples:
    from mlgitops.recipes.data import Examples

    days = farm.frame.loc[start.isoformat() if start else None : end.isoformat() if end else None]
    if len(days) < MIN_DAYS:
        purpose = f"test from {start}" if start else f"train until {end}"
        first, last = farm.frame.index[0].date(), farm.frame.index[-1].date()
        message = (
            f"{farm.source or farm.name}: {len(days)} days to {purpose}, at least {MIN_DAYS} are "
            f"needed; the data go from {first} to {last}: change train_until or test_from"
        )
        raise TrainingDataError(message)
    return Examples(features=days[list(params.features)], target=days[TARGET])
