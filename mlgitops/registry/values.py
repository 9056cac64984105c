"""What rows of a registry mean, as the values that planning compares. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlgitops.core import lock as locking
from mlgitops.core import stamp as stamping
from mlgitops.core.stage import CLASSIC_STAGES
from mlgitops.core.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.core.lock import Lock
    from mlgitops.core.stamp import Stamp
    from mlgitops.registry.api import ModelRow, RunRow, VersionRow

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
    """A version without what its run recorded."""
    return Version(
        number=found.number,
        status=found.status,
        run_id=found.run_id,
        tags=MappingProxyType(dict(found.tags)),
        uri=uri(found.name, found.number),
        created=_iso(found.created),
        classic=found.stage,
    )


def with_run(found: Version, run: RunRow) -> Version:
    """A version with what its run recorded."""
    return replace(
        found,
        metrics=MappingProxyType(dict(run.metrics)),
        params=MappingProxyType(dict(run.params)),
        datasets=tuple(sorted(run.datasets, key=lambda use: (use.context, use.name, use.digest))),
        seconds=(run.ended - run.begun) / 1000 if run.begun and run.ended else None,
        commit=run.tags.get(f"{_GIT_TAG}commit"),
        dirty=run.tags.get(f"{_GIT_TAG}dirty") == "true",
    )


def _iso(milliseconds: int | None) -> str | None:
    """MLflow's time as ISO 8601 in UTC, to the second."""
    if not milliseconds:
        return None
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return moment.isoformat().replace("+00:00", "Z")
