"""MLflow's REST API as rows, without MLflow."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from mlgitops.core import lock as locks
from mlgitops.errors.registry import RegistryDeniedError, RegistryGoneError
from mlgitops.registry import served, storing
from mlgitops.registry.accounts import Accounts
from mlgitops.registry.answers.logged import ManyLogged, OneLogged
from mlgitops.registry.answers.models import Models, OneModel, OneVersion, Source, Versions
from mlgitops.registry.answers.runs import Experiment, Experiments, OneExperiment, OneRun, Runs
from mlgitops.registry.api import RUN_ORDER, VERSION_ORDER, among, among_logged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlgitops.registry.api import Batch, LoggedRow, ModelRow, Page, RunRow, VersionRow
    from mlgitops.registry.calls import Calls, Json
    from mlgitops.registry.served import Served

_POLITE = 8  # requests at the same time


class RestRegistryApi:
    """A registry behind MLflow's REST API."""

    at_once = _POLITE

    def __init__(self, calls: Calls) -> None:
        self._calls, self.accounts = calls, Accounts(calls)

    def models(self, query: str, size: int, token: str | None) -> Page[ModelRow]:
        """A page of the models that a filter finds; of all, if it is empty."""
        asked = ({"filter": query} if query else {}) | _page(size, token)
        page = self._calls.get("registered-models/search", asked, Models, pages=True).page()
        if not (query or token or page.rows or page.token):
            self._require_mlflow()
        return page

    def _require_mlflow(self) -> None:
        """An empty registry answers `{}`, as whatever else speaks JSON may: it tells what it lacks.

        Raises:
            RegistryProtocolError: it is no registry of MLflow's.
        """
        with suppress(RegistryDeniedError):  # of what is not there MLflow says that too
            self.model(locks.NAME)

    def versions(self, query: str, size: int, token: str | None) -> Page[VersionRow]:
        """A page of the versions that a filter finds."""
        asked = {"filter": query, "order_by": VERSION_ORDER, **_page(size, token)}
        return self._calls.get("model-versions/search", asked, Versions, pages=True).page()

    def model(self, name: str) -> ModelRow | None:
        """A model; None if there is none of that name."""
        with suppress(RegistryGoneError):
            found = self._calls.get("registered-models/get", {"name": name}, OneModel)
            return found.registered_model.row()
        return None

    def version(self, name: str, number: int) -> VersionRow | None:
        """A version; None if there is none of that number."""
        asked = {"name": name, "version": number}
        with suppress(RegistryGoneError):
            found = self._calls.get("model-versions/get", asked, OneVersion)
            return found.model_version.row()
        return None

    def file(self, name: str, number: int, path: str) -> str | None:
        """A file of a version's payload as the server sends it; None if it does not."""
        asked = {"name": name, "version": number, "path": path}
        return self._calls.text("model-versions/get-artifact", asked)

    def source(self, name: str, number: int) -> str:
        """Where the payload of a version is said to be."""
        asked = {"name": name, "version": number}
        return self._calls.get("model-versions/get-download-uri", asked, Source).artifact_uri

    def create_model(self, name: str, tags: Mapping[str, str]) -> None:
        """Make a model without versions."""
        body = {"name": name, "tags": [{"key": k, "value": v} for k, v in tags.items()]}
        self._calls.send("POST", "registered-models/create", body)

    def set_model_tag(self, name: str, key: str, value: str) -> None:
        """Set a model's tag."""
        body = {"name": name, "key": key, "value": value}
        self._calls.send("POST", "registered-models/set-tag", body)

    def rename_model(self, name: str, new: str) -> None:
        """Rename a model."""
        self._calls.send("POST", "registered-models/rename", {"name": name, "new_name": new})

    def delete_model(self, name: str) -> None:
        """Remove a model with all its versions."""
        self._calls.send("DELETE", "registered-models/delete", {"name": name})

    def set_tag(self, name: str, number: int, key: str, value: str) -> None:
        """Set a version's tag."""
        body = {"name": name, "version": str(number), "key": key, "value": value}
        self._calls.send("POST", "model-versions/set-tag", body)

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        body = {"name": name, "alias": alias, "version": str(number)}
        self._calls.send("POST", "registered-models/alias", body)

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        self._calls.send("DELETE", "registered-models/alias", {"name": name, "alias": alias})

    def transition(self, name: str, number: int, stage: str, *, archive_others: bool) -> None:
        """Move a version to a classic stage."""
        body = {
            "name": name,
            "version": str(number),
            "stage": stage,
            "archive_existing_versions": archive_others,
        }
        self._calls.send("POST", "model-versions/transition-stage", body)


class RestRunApi:
    """A tracking server behind MLflow's REST API."""

    def __init__(self, calls: Calls, uri: str) -> None:
        self._calls, self._uri = calls, uri

    def run(self, run_id: str) -> RunRow | None:
        """A run; None if there is none."""
        with suppress(RegistryGoneError):
            return self._calls.get("runs/get", {"run_id": run_id}, OneRun).run.row()
        return None

    def logged(self, model_id: str) -> LoggedRow:
        """A logged model."""
        path = f"logged-models/{quote(model_id, safe='')}"
        return self._calls.get(path, {}, OneLogged).model.row()

    def all_logged(
        self, experiments: Sequence[str], model_ids: Sequence[str]
    ) -> Sequence[LoggedRow]:
        """Those of some logged models that are in some experiments."""
        body = {
            "experiment_ids": list(experiments),
            "filter": among_logged(model_ids),
            "max_results": len(model_ids),
        }
        found = self._calls.ask("POST", "logged-models/search", body, ManyLogged)
        return [one.row() for one in found.models]

    def served(self, store: str) -> Served | None:
        """Artifacts at an address, if a server passes them on over plain HTTP."""
        return served.served(store, self._uri, self._calls)

    def experiments(self, size: int, token: str | None) -> Page[str]:
        """A page of the ids of all experiments."""
        asked = _page(size, token)
        return self._calls.ask("POST", "experiments/search", asked, Experiments).page()

    def runs(self, experiments: Sequence[str], run_ids: Sequence[str]) -> Sequence[RunRow]:
        """Those of the runs that are in some experiments."""
        body = {
            "experiment_ids": list(experiments),
            "filter": among(run_ids),
            "max_results": len(run_ids),
        }
        return self._calls.ask("POST", "runs/search", body, Runs).page().rows

    def history(self, experiment: str, query: str, size: int, token: str | None) -> Page[RunRow]:
        """A page of the runs that a filter finds, deleted ones too, the oldest first."""
        body = {
            "experiment_ids": [experiment],
            "filter": query,
            "order_by": RUN_ORDER,
            "run_view_type": "ALL",
            **_page(size, token),
        }
        return self._calls.ask("POST", "runs/search", body, Runs).page()

    @property
    def server(self) -> str:
        """The version of MLflow that answers; empty if it does not say."""
        return self._calls.version

    def experiment(self, name: str) -> str | None:
        """The id of an experiment; None if there is none of that name."""
        asked = {"experiment_name": name}
        with suppress(RegistryGoneError):
            found = self._calls.get("experiments/get-by-name", asked, OneExperiment)
            return found.experiment.experiment_id
        return None

    def create_experiment(self, name: str) -> str:
        """Create an experiment whose artifacts lie where its server keeps them; its id."""
        asked = {"name": name}
        return self._calls.ask("POST", "experiments/create", asked, Experiment).experiment_id

    def create(self, experiment: str, begun: int, tags: Mapping[str, str]) -> RunRow:
        """Create a run that begins at a time."""
        body = {"experiment_id": experiment, "start_time": begun, "tags": _listed(tags)}
        return self._calls.ask("POST", "runs/create", body, OneRun).run.row()

    def log(self, run_id: str, batch: Batch, now: int) -> None:
        """Log to a run."""
        metrics = [{**one, "timestamp": now, "step": 0} for one in _listed(batch.metrics)]
        params, tags = _listed(batch.params), _listed(batch.tags)
        body = {"run_id": run_id, "params": params, "metrics": metrics, "tags": tags}
        self._calls.send("POST", "runs/log-batch", body)

    def keep(self, run: RunRow, files: Mapping[str, bytes]) -> None:
        """Store files among the artifacts of a run, by their names."""
        parts = urlsplit(run.artifacts)
        if parts.scheme != "mlflow-artifacts" or parts.netloc:
            storing.store(run, files, self._uri)
            return
        for name, content in files.items():
            self._calls.store(f"{parts.path.strip('/')}/{name}", content)

    def end(self, run_id: str, status: str, ended: int) -> None:
        """End a run."""
        body = {"run_id": run_id, "status": status, "end_time": ended}
        self._calls.send("POST", "runs/update", body)


def _listed(pairs: Mapping[str, object]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in pairs.items()]


def _page(size: int, token: str | None) -> dict[str, Any]:
    return {"max_results": size} | ({"page_token": token} if token else {})
