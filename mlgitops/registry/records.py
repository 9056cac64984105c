"""The experiment that has a run for each apply; its parameters are what MLflow lets nobody change.

The runs of records are of no model and in an experiment of their own, so that nothing that looks
for training runs meets them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mlgitops.errors.registry import RegistryRequestError
from mlgitops.registry.api import Batch
from mlgitops.registry.paging import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from mlgitops.registry.api import RunApi, RunRow

EXPERIMENT = "mlgitops.applies"
_PARAMS = 100  # MLflow's limit for a batch
_RUNS_A_PAGE = 200  # each may have many parameters


class Records:
    """Writes and reads the runs; every method raises RegistryError when the server fails."""

    def __init__(self, runs: RunApi) -> None:
        self._runs = runs

    @property
    def server(self) -> str:
        """The version of MLflow that answers; empty if it does not say."""
        return self._runs.server

    def begin(self, now: datetime, tags: Mapping[str, str], params: Mapping[str, str]) -> RunRow:
        """A new run with its tags and parameters; the experiment is made if it is missing."""
        run = self._runs.create(self._experiment(), _milliseconds(now), tags)
        self._log(run.run_id, Batch(params=params), now)
        return run

    def add(self, run: RunRow, now: datetime, batch: Batch) -> None:
        """Log to a run that has begun."""
        self._log(run.run_id, batch, now)

    def keep(self, run: RunRow, files: Mapping[str, bytes]) -> None:
        """Store files among the run's artifacts."""
        self._runs.keep(run, files)

    def end(self, run: RunRow, now: datetime, *, failed: bool) -> None:
        """End a run; nothing is written to it afterwards."""
        self._runs.end(run.run_id, "FAILED" if failed else "FINISHED", _milliseconds(now))

    def between(self, since: datetime, until: datetime) -> Iterator[RunRow]:
        """The runs that began in a time, both ends included, the oldest first."""
        experiment = self._runs.experiment(EXPERIMENT)
        if experiment is None:
            return
        first, last = _milliseconds(since), _milliseconds(until)
        query = f"attributes.start_time >= {first} AND attributes.start_time <= {last}"
        yield from rows(partial(self._runs.history, experiment, query), _RUNS_A_PAGE)

    def _experiment(self) -> str:
        found = self._runs.experiment(EXPERIMENT)
        if found is not None:
            return found
        try:
            return self._runs.create_experiment(EXPERIMENT)
        except RegistryRequestError:
            found = self._runs.experiment(EXPERIMENT)  # another apply may have been quicker
            if found is None:
                raise
            return found

    def _log(self, run_id: str, batch: Batch, now: datetime) -> None:
        pairs = list(batch.params.items())
        head, rest = pairs[:_PARAMS], pairs[_PARAMS:]
        moment = _milliseconds(now)
        first = Batch(params=dict(head), metrics=batch.metrics, tags=batch.tags)
        self._runs.log(run_id, first, moment)
        for start in range(0, len(rest), _PARAMS):
            self._runs.log(run_id, Batch(params=dict(rest[start : start + _PARAMS])), moment)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
