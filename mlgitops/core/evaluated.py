"""What MLflow's evaluations measured of two versions, data set by data set. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core.metrics import differences, of_training

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlgitops.core.directions import Direction
    from mlgitops.core.metrics import Difference


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """A value of a metric that a run logged of a logged model.

    Attributes:
        dataset, digest: of the data set that it was measured on; empty where it does not say so.
        logged: milliseconds since 1970.
    """

    metric: str
    value: float
    dataset: str = ""
    digest: str = ""
    logged: int = 0
    step: int = 0
    run_id: str = ""

    @property
    def data(self) -> tuple[str, str] | None:
        """The name and the digest of its data set; None where it does not say so."""
        return (self.dataset, self.digest) if self.digest else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluated:
    """The metrics of two versions on one data set; those of one, if the other was not evaluated."""

    dataset: str
    digest: str
    metrics: tuple[Difference, ...]


def side_by_side(
    old: Iterable[Measurement],
    new: Iterable[Measurement],
    better: Mapping[str, Direction] = MappingProxyType({}),
) -> Iterator[Evaluated]:
    """The evaluations of two versions; what autolog measured while training is none.

    Args:
        old: of the old version, in any order; the latest of a metric counts.
        new: of the new version.
        better: metric → which way is better, where that is declared.
    """
    before, after = _latest(old), _latest(new)
    for dataset, digest in sorted({*before, *after}):
        was, is_now = (found.get((dataset, digest), {}) for found in (before, after))
        metrics = differences(was, is_now, better)
        yield Evaluated(dataset=dataset, digest=digest, metrics=metrics)


def _latest(found: Iterable[Measurement]) -> dict[tuple[str, str], dict[str, float]]:
    """Name and digest of a data set → metric → its latest value."""
    latest: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for one in sorted(found, key=lambda one: one.logged):
        if one.dataset and not of_training(one.metric):
            latest[one.dataset, one.digest][one.metric] = one.value
    return latest
