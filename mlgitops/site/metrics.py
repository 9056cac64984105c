"""A model's metrics from version to version, and what its stages hold side by side. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from mlgitops.core.evidence import differing
from mlgitops.core.metrics import differences, direction, of_test
from mlgitops.core.signature import breaking, said
from mlgitops.core.stage import alias_of
from mlgitops.gates.metric import MetricGate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mlgitops.core.directions import Direction
    from mlgitops.core.evidence import Differing
    from mlgitops.core.metrics import Difference
    from mlgitops.core.signature import Signature
    from mlgitops.core.version import Version
    from mlgitops.site.values import ModelShown

MOST_VERSIONS = 20  # the latest, of each model
_MOST_CHARTS = 3
_HEIGHT = 100.0  # of a chart's box, whose width is 100 as well: both are per cent
_EDGE = 6.0  # that points keep from the box's edges


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A version in a chart; `stages` are those that hold it."""

    x: float
    y: float
    number: int
    value: float
    stages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """One metric, the oldest version first."""

    metric: str
    better: Direction | None
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """What the page of a model shows of metrics.

    Attributes:
        columns: the metrics of the table, those of the charts among them.
        versions: the newest first, each with the stages that hold it.
    """

    charts: tuple[Chart, ...]
    columns: tuple[str, ...]
    versions: tuple[tuple[Version, tuple[str, ...]], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """What one stage holds, `old`, and what waits in the stage before it, `new`.

    Attributes:
        parameters: those that differ.
        signature: what their signatures say otherwise; empty where one is not known.
        breaks: why callers of `old` cannot call `new`.
    """

    old_stage: str
    new_stage: str
    old: Version
    new: Version
    metrics: tuple[Difference, ...]
    parameters: tuple[Differing, ...]
    signature: tuple[Differing, ...]
    breaks: tuple[str, ...]


def shown(model: ModelShown) -> Metrics | None:
    """The metrics of a model's latest versions; None if no version has any."""
    stages = _stages(model)
    telling = _telling(model)
    if not telling:
        return None
    found = (_chart(model, name, stages) for name in telling)
    newest = sorted(model.versions, key=lambda one: -one.number)
    return Metrics(
        charts=tuple(chart for chart in found if len(chart.points) > 1),
        columns=tuple(telling),
        versions=tuple((one, stages.get(one.number, ())) for one in newest),
    )


def pairs(model: ModelShown, order: Sequence[str]) -> Iterator[Pair]:
    """Each stage beside the stage before it, where they hold different versions.

    Args:
        model: with what runs recorded of its versions.
        order: the declared stages, those that a version enters first before others.
    """
    held = {alias_of(one.status.stage): one.status.actual for one in model.stages}
    known = {one.number: one for one in model.versions}
    for before, after in pairwise(order):
        new = known.get(held.get(alias_of(before)) or 0)
        old = known.get(held.get(alias_of(after)) or 0)
        if old and new and old.number != new.number:
            was, is_now = (_signature(model, one) for one in (old, new))
            yield Pair(
                old_stage=after,
                new_stage=before,
                old=old,
                new=new,
                metrics=differences(old.metrics, new.metrics, model.directions),
                parameters=differing(old.params, new.params),
                signature=differing(said(was), said(is_now)) if was and is_now else (),
                breaks=breaking(was, is_now) if was and is_now else (),
            )


def _signature(model: ModelShown, version: Version) -> Signature | None:
    side = model.held.get(version.number)
    return side.version.signature if side else None


def _stages(model: ModelShown) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for one in model.stages:
        if (number := one.status.actual) is not None:
            found[number] = (*found.get(number, ()), one.status.stage)
    return found


def _telling(model: ModelShown) -> list[str]:
    """The metrics that gates judge, then those of the test set, then those with a known meaning."""
    declared = model.declared
    gates = declared.gates.values() if declared else ()
    judged = {one.metric for listed in gates for one in listed if isinstance(one, MetricGate)}
    names = {
        name
        for one in model.versions
        for name, value in one.metrics.items()
        if math.isfinite(value)
    }

    def rank(name: str) -> tuple[bool, bool, bool, str]:
        return (
            name not in judged,
            not of_test(name),
            direction(name, model.directions) is None,
            name,
        )

    return sorted(names, key=rank)[:_MOST_CHARTS]


def _chart(model: ModelShown, name: str, stages: Mapping[int, tuple[str, ...]]) -> Chart:
    found = {one.number: one.metrics[name] for one in model.versions if _has(one, name)}
    values = sorted(found.items())
    across = _scale([float(number) for number, _ in values])
    up = _scale([value for _, value in values])
    points = (
        Point(
            x=across(float(number)),
            y=round(_HEIGHT - up(value), 2),
            number=number,
            value=value,
            stages=stages.get(number, ()),
        )
        for number, value in values
    )
    return Chart(metric=name, better=direction(name, model.directions), points=tuple(points))


def _has(version: Version, name: str) -> bool:
    return math.isfinite(version.metrics.get(name, math.nan))


def _scale(values: Sequence[float]) -> Callable[[float], float]:
    """Where a value lies between the edges of the box; in the middle, if there is only one."""
    low, high = min(values, default=0.0), max(values, default=0.0)

    def place(value: float) -> float:
        # halves first: the difference of two huge values may be infinite
        whole = high / 2 - low / 2
        share = (value / 2 - low / 2) / whole if whole else 0.5
        return round(_EDGE + share * (_HEIGHT - 2 * _EDGE), 2)

    return place
