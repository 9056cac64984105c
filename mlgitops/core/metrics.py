"""Metrics of two versions side by side, and which way is better."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Direction = Literal["higher", "lower"]

_LOWER = re.compile(
    r"(^|_)(mae|mse|rmse|mape|smape|msle|rmsle|medae|loss|log_loss|error|deviance|brier|latency|wape)($|_)"
)
_HIGHER = re.compile(
    r"(^|_)(r2|accuracy|acc|precision|recall|f1|auc|roc_auc|score|average_precision|ap|iou|ndcg|map"
    r"|kappa|mcc|explained_variance)($|_)"
)


def direction(metric: str) -> Direction | None:
    """Which way is better for a metric, as its name tells; None where it does not.

    >>> direction("test_mae"), direction("test_r2"), direction("revenue")
    ('lower', 'higher', None)
    """
    if _LOWER.search(metric.lower()):
        return "lower"
    return "higher" if _HIGHER.search(metric.lower()) else None


def of_test(metric: str) -> bool:
    """Whether a metric was measured on the test set, as its name tells."""
    return metric.startswith("test_")


def of_training(metric: str) -> bool:
    """Whether autolog measured a metric on the rows that the model learnt from."""
    return metric.startswith("training_")


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One metric of the version now in a stage and of the one that is to enter it.

    Attributes:
        better: which way is better, where that was declared; else the metric's name tells.
    """

    metric: str
    old: float | None
    new: float | None
    better: Direction | None = None

    @property
    def absolute(self) -> float | None:
        """New minus old, in the metric's unit; None if one is missing."""
        return None if self.old is None or self.new is None else self.new - self.old

    @property
    def relative(self) -> float | None:
        """The difference as a fraction of the old value; None if that is 0 or missing."""
        return None if self.absolute is None or not self.old else self.absolute / abs(self.old)

    @property
    def verdict(self) -> str:
        """`better`, `worse`, `same`, or empty where nothing tells which way is better."""
        way, difference = self.better or direction(self.metric), self.absolute
        if difference is None or way is None or math.isnan(difference):
            return ""
        if difference == 0:
            return "same"
        return "better" if (difference > 0) == (way == "higher") else "worse"


def differences(
    old: Mapping[str, float],
    new: Mapping[str, float],
    better: Mapping[str, Direction] = MappingProxyType({}),
) -> tuple[Difference, ...]:
    """All metrics of both, those of the test set first; `better`: what is declared of some."""
    names = sorted(old.keys() | new.keys(), key=lambda name: (not of_test(name), name))
    return tuple(
        Difference(metric=n, old=old.get(n), new=new.get(n), better=better.get(n)) for n in names
    )
