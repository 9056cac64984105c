"""What was recorded of versions: by their logged models (MLflow 3), and beneath that by their runs.

A run may log several models, and a metric of a run is the last that any of them had. So what a
logged model has of its own wins, and what only the run has counts if no other model of that run has
metrics of its own.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from mlgitops.errors.registry import RegistryGoneError, RegistryNotFoundError, RegistryRequestError
from mlgitops.registry import paging, values
from mlgitops.registry.api import origin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from mlgitops.core.version import Version
    from mlgitops.registry.api import LoggedRow, RunApi, RunRow
    from mlgitops.registry.payload import Payloads

_EXPERIMENTS = 1000  # in a page
_RUNS_AT_ONCE = 500
_AT_ONCE = 20  # logged models in a request: each comes with every value of its metrics


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sources:
    """What recorded something of a version; `alone`: its run is taken to have no other model."""

    version: Version
    own: LoggedRow | None
    run: RunRow | None
    alone: bool = False

    @property
    def rivals(self) -> frozenset[str]:
        """The run's other models, where it matters whether they have metrics."""
        if self.alone or self.run is None:
            return frozenset()
        if not self.run.metrics.keys() - (self.own.metrics if self.own else ()):
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

    def of_all(self, versions: Iterable[Version], *, brief: bool = False) -> Iterator[Version]:
        """As `of`, in their order, for few requests: runs and logged models come in batches.

        Args:
            versions: of any models.
            brief: to ask for logged models only where a run logged several, as a run has what its
                only model has; but for what others measured of that, such as on named data.
        """
        experiments: list[str] | None = None
        rest = iter(versions)
        while some := list(islice(rest, _RUNS_AT_ONCE)):
            if experiments is None:
                experiments = list(paging.rows(self.runs.experiments, _EXPERIMENTS))
            yield from self._of_some(some, experiments, brief=brief)

    def _of_some(
        self, versions: Sequence[Version], experiments: Sequence[str], *, brief: bool
    ) -> Iterator[Version]:
        runs = self._runs(experiments, {one.run_id for one in versions if one.run_id})
        near = {run.experiment for run in runs.values()}
        lone = {run.run_id for run in runs.values() if brief and len(run.models) <= 1}
        ids = {one.uri: self._model_id(one) for one in versions if one.run_id not in lone}
        logged = self._found(sorted(near), experiments, set(filter(None, ids.values())))
        own = {one.uri: logged.get(ids.get(one.uri) or "") for one in versions}
        made_by = {
            one.uri: one.run_id or (mine.run_id if (mine := own[one.uri]) else None)
            for one in versions
        }
        runs |= self._runs(experiments, set(filter(None, made_by.values())) - runs.keys())
        sources = [
            _Sources(
                version=one,
                own=own[one.uri],
                run=runs.get(made_by[one.uri] or ""),
                alone=made_by[one.uri] in lone,
            )
            for one in versions
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
        for model in self._all_logged([experiment], rivals - measured.keys()):
            measured[model.model_id] = bool(model.metrics)
            if model.metrics:
                return True
        measured |= dict.fromkeys(rivals - measured.keys(), False)  # they were deleted
        return False

    def _runs(self, experiments: Sequence[str], ids: Collection[str]) -> dict[str, RunRow]:
        """Those of some runs that exist, by their ids; no more than one request takes."""
        try:
            found = self.runs.runs(experiments, sorted(ids)) if ids and experiments else ()
        except RegistryRequestError:  # not every server searches so many experiments, or by ids
            found = list(filter(None, map(self.runs.run, sorted(ids))))
        return {run.run_id: run for run in found}

    def _found(
        self, near: Sequence[str], experiments: Sequence[str], ids: set[str]
    ) -> dict[str, LoggedRow]:
        """Those of some logged models that exist, by their ids: where their runs are, as a rule."""
        found: dict[str, LoggedRow] = {}
        for where in (near, experiments):
            rest = ids - found.keys()
            found |= {model.model_id: model for model in self._all_logged(where, rest)}
        return found

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

    def _all_logged(self, experiments: Sequence[str], ids: Collection[str]) -> Iterator[LoggedRow]:
        """Those of some logged models that exist in some experiments."""
        listed = sorted(ids) if experiments else []
        for start in range(0, len(listed), _AT_ONCE):
            some = listed[start : start + _AT_ONCE]
            try:
                yield from self.runs.all_logged(experiments, some)
            except RegistryNotFoundError:
                return
            except RegistryRequestError:  # not every server finds them by their ids
                yield from filter(None, map(self._logged, some))
