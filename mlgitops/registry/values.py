"""What rows of a registry mean, as the values that planning compares. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core import lock as locking
from mlgitops.core import stamp as stamping
from mlgitops.core.stage import CLASSIC_STAGES
from mlgitops.core.version import DatasetUse, Version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.core.evaluated import Measurement
    from mlgitops.core.lock import Lock
    from mlgitops.core.stamp import Stamp
    from mlgitops.registry.api import LoggedRow, ModelRow, RunRow, VersionRow

_GIT_TAG = "mlflow.source.git."  # of a run


def classic(model: ModelRow) -> dict[str, int]:
    """Classic stage → version; MLflow says so of prompts, too, which have none."""
    if model.is_prompt:
        return {}
    return {stage: model.latest[stage] for stage in CLASSIC_STAGES if stage in model.latest}


def locks(models: Iterable[ModelRow]) -> tuple[Lock, ...]:
    """The locks among some models."""
    return tuple(locking.parse(m.name, m.tags) for m in models if locking.is_lock(m.name))


def stamps(rows: Iterable[VersionRow]) -> dict[str, dict[int, Stamp]]:
    """Alias → version → stamp."""
    found: dict[str, dict[int, Stamp]] = defaultdict(dict)
    for row in rows:
        for alias, stamp in stamping.parse(row.tags.get(stamping.TAG, "")).items():
            found[alias][row.number] = stamp
    return found


def uri(name: str, number: int) -> str:
    """Where the payload of a version is to be had."""
    return f"models:/{name}/{number}"


def version(found: VersionRow) -> Version:
    """A version without what was recorded of it."""
    return Version(
        number=found.number,
        status=found.status,
        run_id=found.run_id,
        tags=MappingProxyType(dict(found.tags)),
        uri=uri(found.name, found.number),
        created=_iso(found.created),
        classic=found.stage,
        origin=found.origin,
    )


def recorded(found: Version, run: RunRow | None, own: LoggedRow | None, *, shared: bool) -> Version:
    """A version with what its logged model recorded, and beneath that what its run did.

    Args:
        found: the version.
        run: the run that made it, if it is still there.
        own: its logged model, if it has one.
        shared: whether the run logged another model with metrics of its own. Then no other metric
            of the run counts: nobody can say which model it is of.
    """
    metrics = dict(run.metrics) if run and not shared else {}
    metrics |= {name: _value(one, run) for name, one in own.metrics.items()} if own else {}
    known = replace(
        found,
        run_id=found.run_id or (own.run_id if own else None),
        origin=f"models:/{own.model_id}" if own else found.origin,
        metrics=MappingProxyType(metrics),
        params=MappingProxyType({**(run.params if run else {}), **(own.params if own else {})}),
        datasets=_datasets(run, own),
        measured=tuple(one for one in own.measured if one.data) if own else (),
    )
    if run is None:
        return known
    return replace(
        known,
        seconds=(run.ended - run.begun) / 1000 if run.begun and run.ended else None,
        commit=run.tags.get(f"{_GIT_TAG}commit"),
        dirty=run.tags.get(f"{_GIT_TAG}dirty") == "true",
    )


def _value(one: Measurement, run: RunRow | None) -> float:
    """The value of a logged model's metric, of which MLflow stores NaN as 0."""
    of_run = run.metrics.get(one.metric, one.value) if run else one.value
    return of_run if math.isnan(of_run) and one.value == 0 else one.value


def _datasets(run: RunRow | None, own: LoggedRow | None) -> tuple[DatasetUse, ...]:
    """The data that the run used; what the model was measured on takes the place of its like."""
    used = run.datasets if run else ()
    contexts = {(use.name, use.digest): use.context for use in used}
    measured = {one.data for one in own.metrics.values() if one.data} if own else set()
    mine = {
        DatasetUse(name=data[0], digest=data[1], context=contexts.get(data) or "test")
        for data in measured
    }
    taken = {use.context for use in mine}
    rest = {u for u in used if u.context not in taken and (u.name, u.digest) not in measured}
    return tuple(sorted(mine | rest, key=lambda use: (use.context, use.name, use.digest)))


def _iso(milliseconds: int | None) -> str | None:
    """MLflow's time as ISO 8601 in UTC, to the second."""
    if not milliseconds:
        return None
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return moment.isoformat().replace("+00:00", "Z")
