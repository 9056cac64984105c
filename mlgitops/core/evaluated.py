"""What MLflow's evaluations measured of two versions, data set by data set. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core.metrics import Difference, direction, of_training

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlgitops.core.directions import Direction

NO_DIRECTIONS: Mapping[str, Direction] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """A metric that a run logged of a logged model, with the name and digest of its data set.

    Attributes:
        logged: milliseconds since 1970.
    """

    metric: str
    value: float
    dataset: str
    digest: str
    logged: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluated:
    """The metrics of two versions on one data set; those of one, if the other was not evaluated."""

    dataset: str
    digest: str
    metrics: tuple[Difference, ...]


def side_by_side(
    old: Iterable[Measurement],
    new: Iterable[Measurement],
    better: Mapping[str, Direction] = NO_DIRECTIONS,
) -> Iterator[Evaluated]:
    """The evaluations of two versions; what autolog measured while training is none.

    Args:
        old: of the old version, in any order; the latest of a metric counts.
        new: of the new version.
        better: metric → which way is better, where that is declared.
    """
    before, after = _latest(old), _latest(new)
    for dataset, digest in sorted({key[:2] for key in (*before, *after)}):
        names = sorted({key[2] for key in (*before, *after) if key[:2] == (dataset, digest)})
        yield Evaluated(
            dataset=dataset,
            digest=digest,
            metrics=tuple(
                Difference(
                    metric=name,
                    old=before.get((dataset, digest, name)),
                    new=after.get((dataset, digest, name)),
                    better=direction(name, better),
                )
                for name in names
            ),
        )


def _latest(found: Iterable[Measurement]) -> dict[tuple[str, str, str], float]:
    return {
        (one.dataset, one.digest, one.metric): one.value
        for one in sorted(found, key=lambda one: one.logged)
        if one.dataset and not of_training(one.metric)
    }
