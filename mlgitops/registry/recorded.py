"""What was recorded of versions: by their logged models (MLflow 3), and beneath that by their runs.

A run may log several models, and a metric of a run is the last that any of them had. So what a
logged model has of its own wins, and what only the run has counts if no other model of that run has
metrics of its own.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgitops.errors.registry import RegistryGoneError, RegistryNotFoundError, RegistryRequestError
from mlgitops.registry import paging, values
from mlgitops.registry.api import origin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from mlgitops.core.version import Version
    from mlgitops.registry.api import LoggedRow, RunApi, RunRow, VersionRow
    from mlgitops.registry.payload import Payloads

_EXPERIMENTS = 1000  # in a page
_RUNS_AT_ONCE = 500
_AT_ONCE = 20  # logged models in a request: each comes with every value of its metrics


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sources:
    """What recorded something of a version."""

    version: Version
    own: LoggedRow | None
    run: RunRow | None

    @property
    def rivals(self) -> frozenset[str]:
        """The run's other models, where it matters whether they have metrics."""
        if self.run is None or not self.run.metrics.keys() - (self.own.metrics if self.own else ()):
            return frozenset()
        return frozenset(self.run.models) - {self.own.model_id if self.own else ""}


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """Reads what was recorded; every method raises RegistryError when the server fails.

    Attributes:
        runs: how the tracking server is asked.
        payloads: they lead to the logged model of a copy.
    """

    runs: RunApi
    payloads: Payloads

    def of(self, version: Version) -> Version:
        """A version with what was recorded of it.

        Costs a request for its run and one for its logged model; more for a copy, and where the run
        has metrics that the logged model lacks, and logged other models.
        """
        own = self._logged(self._model_id(version))
        run_id = version.run_id or (own.run_id if own else None)
        run = self.runs.run(run_id) if run_id else None
        (known,) = self._known([_Sources(version=version, own=own, run=run)], ())
        return known

    def of_all(self, rows: Sequence[VersionRow]) -> list[Version]:
        """Those of a model's versions that something was recorded of; few requests for all.

        Their runs and logged models lie in the experiment of the first as a rule; others are left
        out.
        """
        versions = list(map(values.version, rows))
        ids = {one.number: self._model_id(one) for one in versions}
        experiment = self._experiment(versions, ids.values())
        if experiment is None:
            return []
        logged = {
            m.model_id: m for m in self._all_logged(experiment, set(filter(None, ids.values())))
        }
        own = {number: logged.get(model_id or "") for number, model_id in ids.items()}
        made_by = {
            one.number: one.run_id or (mine.run_id if (mine := own[one.number]) else None)
            for one in versions
        }
        wanted = list(dict.fromkeys(filter(None, made_by.values())))
        runs = {run.run_id: run for run in self.runs.runs([experiment], wanted)} if wanted else {}
        found = [
            _Sources(version=one, own=own[one.number], run=runs.get(made_by[one.number] or ""))
            for one in versions
        ]
        return list(self._known([one for one in found if one.own or one.run], logged.values()))

    def of_many(self, rows: Iterable[VersionRow]) -> Iterator[Version]:
        """Those of many models' versions whose runs exist, in batches of runs.

        What the only model of a run has, its run has too, so logged models are asked only where a
        run logged several. The rest of what a logged model has, such as measurements on named data,
        is for `of`.
        """
        by_run: dict[str, list[Version]] = defaultdict(list)
        for row in rows:
            if row.run_id:
                by_run[row.run_id].append(values.version(row))
        if not by_run:
            return
        experiments = list(paging.rows(self.runs.experiments, _EXPERIMENTS))
        several: dict[str, list[tuple[Version, RunRow]]] = defaultdict(list)
        wanted = sorted(by_run)
        for start in range(0, len(wanted), _RUNS_AT_ONCE):
            for run in self.runs.runs(experiments, wanted[start : start + _RUNS_AT_ONCE]):
                made = by_run[run.run_id]
                if len(run.models) > 1:
                    several[run.experiment] += ((one, run) for one in made)
                else:
                    yield from (values.recorded(one, run, None, shared=False) for one in made)
        for experiment, found in several.items():
            ids = {model for one, run in found for model in (one.model_id, *run.models) if model}
            logged = {one.model_id: one for one in self._all_logged(experiment, ids)}
            sources = [
                _Sources(version=one, own=logged.get(self._model_id(one) or ""), run=run)
                for one, run in found
            ]
            yield from self._known(sources, logged.values())

    def _known(self, found: Sequence[_Sources], read: Iterable[LoggedRow]) -> Iterator[Version]:
        """The versions; whether another model has metrics is asked once for all of them."""
        measured = {model.model_id: bool(model.metrics) for model in read}
        for one in found:
            shared = one.run is not None and self._any(one.run.experiment, one.rivals, measured)
            yield values.recorded(one.version, one.run, one.own, shared=shared)

    def _any(self, experiment: str, rivals: Collection[str], measured: dict[str, bool]) -> bool:
        """Whether any of some models has metrics; adds what it learns."""
        if any(measured.get(rival) for rival in rivals):
            return True
        for model in self._all_logged(experiment, rivals - measured.keys()):
            measured[model.model_id] = bool(model.metrics)
            if model.metrics:
                return True
        measured |= dict.fromkeys(rivals - measured.keys(), False)  # they were deleted
        return False

    def _experiment(self, versions: Iterable[Version], ids: Iterable[str | None]) -> str | None:
        """The experiment of the newest run that exists, or else of the newest logged model."""
        runs = (self.runs.run(one.run_id) for one in versions if one.run_id)
        models = map(self._logged, ids)
        return next((f.experiment for of in (runs, models) for f in of if f is not None), None)

    def _model_id(self, version: Version) -> str | None:
        """The id of a version's logged model; a copy lies where that does."""
        if version.model_id or not version.origin:
            return version.model_id
        with suppress(RegistryGoneError):
            return origin(self.payloads.store(version.uri)).partition("/")[2] or None
        return None

    def _logged(self, model_id: str | None) -> LoggedRow | None:
        """A logged model; None if it was deleted, or lies elsewhere."""
        with suppress(RegistryGoneError, RegistryNotFoundError):
            return self.runs.logged(model_id) if model_id else None
        return None

    def _all_logged(self, experiment: str, ids: Collection[str]) -> Iterator[LoggedRow]:
        """Those of some logged models that exist."""
        listed = sorted(ids)
        for start in range(0, len(listed), _AT_ONCE):
            some = listed[start : start + _AT_ONCE]
            try:
                yield from self.runs.all_logged(experiment, some)
            except RegistryNotFoundError:
                return
            except RegistryRequestError:  # not every server finds them by their ids
                yield from filter(None, map(self._logged, some))
