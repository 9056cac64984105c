"""MLflow's own client as rows: databases, Databricks, plugins; whatever plain HTTP does not reach.

Its private registry client is used, because the public one opens the tracking store as well, and
asks the server before each write whether the model is a prompt.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlgitops.core.evaluated import Measurement
from mlgitops.core.version import DatasetUse
from mlgitops.errors.registry import RegistryGoneError, RegistryNotFoundError
from mlgitops.registry import failures, storing
from mlgitops.registry.api import (
    CONTEXT,
    RUN_ORDER,
    VERSION_ORDER,
    LoggedRow,
    ModelRow,
    Page,
    RunRow,
    VersionRow,
    among,
    among_logged,
)
from mlgitops.registry.failures import translated
from mlgitops.system.addresses import without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Metric, Run
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

    from mlgitops.registry.address import Address
    from mlgitops.registry.api import Batch

_UNITY_CATALOG = ("databricks-uc", "uc")  # it has neither classic stages nor an order of rows
_DATABRICKS = (*_UNITY_CATALOG, "databricks")


class ClientRegistryApi:
    """A registry behind MLflow's client: REST or, with a database's URI, in this process."""

    at_once = 1
    accounts = None

    def __init__(self, address: Address) -> None:
        self._uri = address.registry
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mlflow.tracking._model_registry.client import ModelRegistryClient

        self._classic = self._uri.partition(":")[0] not in _UNITY_CATALOG
        self._order = list(VERSION_ORDER) if self._classic else None
        with translated(self._uri):
            _check_schema(self._uri)
            self._client = ModelRegistryClient(address.registry, address.tracking)

    def models(self, query: str, size: int, token: str | None) -> Page[ModelRow]:
        """A page of the models that a filter finds; of all, if it is empty."""
        with translated(self._uri):
            found = self._client.search_registered_models(
                query or None, max_results=size, page_token=token
            )
            return Page(rows=[_model(self._whole_model(m)) for m in found], token=_token(found))

    def versions(self, query: str, size: int, token: str | None) -> Page[VersionRow]:
        """A page of the versions that a filter finds."""
        with translated(self._uri):
            found = self._client.search_model_versions(
                query, max_results=size, order_by=self._order, page_token=token
            )
            return Page(rows=[_version(self._whole_version(v)) for v in found], token=_token(found))

    def _whole_model(self, found: RegisteredModel) -> RegisteredModel:
        """Unity Catalog's searches leave out aliases and tags: ask for the model itself."""
        from mlflow.entities.model_registry.registered_model_search import RegisteredModelSearch

        partial = isinstance(found, RegisteredModelSearch)
        return self._client.get_registered_model(found.name) if partial else found

    def _whole_version(self, found: ModelVersion) -> ModelVersion:
        from mlflow.entities.model_registry.model_version_search import ModelVersionSearch

        partial = isinstance(found, ModelVersionSearch)
        return self._client.get_model_version(found.name, found.version) if partial else found

    def model(self, name: str) -> ModelRow | None:
        """A model; None if there is none of that name."""
        with suppress(RegistryGoneError), translated(self._uri):
            return _model(self._client.get_registered_model(name))
        return None

    def version(self, name: str, number: int) -> VersionRow | None:
        """A version; None if there is none of that number."""
        with suppress(RegistryGoneError), translated(self._uri):
            return _version(self._client.get_model_version(name, str(number)))
        return None

    def file(self, name: str, number: int, path: str) -> None:
        """None: MLflow's client downloads files, in several requests."""

    def source(self, name: str, number: int) -> str | None:
        """Where the payload of a version is said to be; Databricks lends a login with it."""
        if self._uri.partition(":")[0] in _DATABRICKS:
            return None
        with translated(self._uri):
            return str(self._client.get_model_version_download_uri(name, str(number)))

    def create_model(self, name: str, tags: Mapping[str, str]) -> None:
        """Make a model without versions."""
        with translated(self._uri):
            self._client.create_registered_model(name, dict(tags))

    def set_model_tag(self, name: str, key: str, value: str) -> None:
        """Set a model's tag."""
        with translated(self._uri):
            self._client.set_registered_model_tag(name, key, value)

    def rename_model(self, name: str, new: str) -> None:
        """Rename a model."""
        with translated(self._uri):
            self._client.rename_registered_model(name, new)

    def delete_model(self, name: str) -> None:
        """Remove a model with all its versions."""
        with translated(self._uri):
            self._client.delete_registered_model(name)

    def set_tag(self, name: str, number: int, key: str, value: str) -> None:
        """Set a version's tag."""
        with translated(self._uri):
            self._client.set_model_version_tag(name, str(number), key, value)

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        with translated(self._uri):
            self._client.set_registered_model_alias(name, alias, str(number))

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        with translated(self._uri):
            self._client.delete_registered_model_alias(name, alias)

    def transition(self, name: str, number: int, stage: str, *, archive_others: bool) -> None:
        """Move a version to a classic stage."""
        if not self._classic:
            raise RegistryNotFoundError("Unity Catalog has no classic stages")
        with translated(self._uri), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # stages are deprecated: that is known
            self._client.transition_model_version_stage(name, str(number), stage, archive_others)


class ClientRunApi:
    """A tracking server or database behind MLflow's client; opened when a run is asked for."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    @cached_property
    def _client(self) -> MlflowClient:
        import mlflow

        with translated(self._uri):
            _check_schema(self._uri)
            return mlflow.MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)

    def run(self, run_id: str) -> RunRow | None:
        """A run; None if there is none."""
        with suppress(RegistryGoneError), translated(self._uri):
            return _run(self._client.get_run(run_id))
        return None

    def logged(self, model_id: str) -> LoggedRow:
        """A logged model."""
        with translated(self._uri):
            return _logged(self._client.get_logged_model(model_id))

    def all_logged(
        self, experiments: Sequence[str], model_ids: Sequence[str]
    ) -> Sequence[LoggedRow]:
        """Those of some logged models that are in some experiments."""
        with translated(self._uri):
            found = self._client.search_logged_models(
                list(experiments), among_logged(model_ids), max_results=len(model_ids)
            )
            return list(map(_logged, found))

    def served(self, store: str) -> None:
        """None: MLflow's client reaches what only it can log in to."""

    def experiments(self, size: int, token: str | None) -> Page[str]:
        """A page of the ids of all experiments."""
        with translated(self._uri):
            found = self._client.search_experiments(max_results=size, page_token=token)
            return Page(rows=[one.experiment_id for one in found], token=_token(found))

    def runs(self, experiments: Sequence[str], run_ids: Sequence[str]) -> Sequence[RunRow]:
        """Those of the runs that are in some experiments."""
        with translated(self._uri):
            wanted, most = list(experiments), len(run_ids)
            found = self._client.search_runs(wanted, among(run_ids), max_results=most)
            return list(map(_run, found))

    def history(self, experiment: str, query: str, size: int, token: str | None) -> Page[RunRow]:
        """A page of the runs that a filter finds, deleted ones too, the oldest first."""
        from mlflow.entities import ViewType

        with translated(self._uri):
            found = self._client.search_runs(
                [experiment], query, ViewType.ALL, size, list(RUN_ORDER), token
            )
            return Page(rows=list(map(_run, found)), token=_token(found))

    @property
    def server(self) -> str:
        """The version of MLflow that is installed here; a server's own does not show."""
        import mlflow

        return "" if urlsplit(self._uri).scheme.startswith("http") else mlflow.__version__

    def experiment(self, name: str) -> str | None:
        """The id of an experiment; None if there is none of that name."""
        with translated(self._uri):
            found = self._client.get_experiment_by_name(name)
            return found.experiment_id if found else None

    def create_experiment(self, name: str) -> str:
        """Create an experiment whose artifacts lie where its server keeps them; its id."""
        with translated(self._uri):
            return str(self._client.create_experiment(name))

    def create(self, experiment: str, begun: int, tags: Mapping[str, str]) -> RunRow:
        """Create a run that begins at a time."""
        with translated(self._uri):
            return _run(self._client.create_run(experiment, begun, dict(tags)))

    def log(self, run_id: str, batch: Batch, now: int) -> None:
        """Log to a run."""
        from mlflow.entities import Metric, Param, RunTag

        with translated(self._uri):
            self._client.log_batch(
                run_id,
                [Metric(key, value, now, 0) for key, value in batch.metrics.items()],
                [Param(key, value) for key, value in batch.params.items()],
                [RunTag(key, value) for key, value in batch.tags.items()],
            )

    def keep(self, run: RunRow, files: Mapping[str, bytes]) -> None:
        """Store files among the artifacts of a run, by their names."""
        storing.store(run, files, self._uri)

    def end(self, run_id: str, status: str, ended: int) -> None:
        """End a run."""
        with translated(self._uri):
            self._client.set_terminated(run_id, status, ended)


def _check_schema(uri: str) -> None:
    """A database of an older MLflow stays as it is: MLflow migrates what it opens, unasked.

    Raises:
        RegistryRequestError: MLflow would.
    """
    from mlflow.store.db.base_sql_model import Base
    from mlflow.store.db.db_types import DATABASE_ENGINES

    if uri.partition(":")[0].partition("+")[0] not in DATABASE_ENGINES:
        return
    import mlflow.store.model_registry.dbmodels.models
    import mlflow.store.tracking.dbmodels.models  # noqa: F401 - the two tell `Base` their tables
    import sqlalchemy

    engine = sqlalchemy.create_engine(uri)
    found = set(sqlalchemy.inspect(engine).get_table_names())
    engine.dispose()
    if "alembic_version" in found and not Base.metadata.tables.keys() <= found:
        raise failures.outdated(without_secrets(uri))


def _token(found: Any) -> str | None:
    return found.token or None


def _model(found: RegisteredModel) -> ModelRow:
    return ModelRow(
        name=found.name,
        aliases={alias: int(version) for alias, version in found.aliases.items()},
        latest={v.current_stage: int(v.version) for v in found.latest_versions or ()},
        is_prompt=bool(found._is_prompt()),  # noqa: SLF001 - its public tags leave it out
        tags=dict(found.tags),
    )


def _version(found: ModelVersion) -> VersionRow:
    return VersionRow(
        name=found.name,
        number=int(found.version),
        status=found.status,
        stage=found.current_stage or "None",
        run_id=found.run_id or None,
        tags=dict(found.tags),
        created=found.creation_timestamp or None,
        source=found.source or "",
        model_id=found.model_id or "",
    )


def _run(found: Run) -> RunRow:
    info, data = found.info, found.data
    return RunRow(
        run_id=info.run_id,
        experiment=info.experiment_id,
        begun=info.start_time or None,
        ended=info.end_time or None,
        status=info.status,
        artifacts=info.artifact_uri,
        metrics=dict(data.metrics),
        params=dict(data.params),
        tags=dict(data.tags),
        datasets=tuple(map(_dataset, found.inputs.dataset_inputs if found.inputs else ())),
        models=tuple(o.model_id for o in (found.outputs.model_outputs if found.outputs else ())),
    )


def _logged(found: LoggedModel) -> LoggedRow:
    return LoggedRow(
        model_id=found.model_id,
        experiment=found.experiment_id,
        run_id=found.source_run_id or None,
        location=found.artifact_location,
        measured=tuple(map(_measured, found.metrics or ())),
        params=dict(found.params),
    )


def _measured(found: Metric) -> Measurement:
    return Measurement(
        metric=found.key,
        value=found.value,
        dataset=found.dataset_name or "",
        digest=found.dataset_digest or "",
        logged=found.timestamp,
        step=found.step,
        run_id=found.run_id or "",
    )


def _dataset(used: Any) -> DatasetUse:
    tags = {tag.key: tag.value for tag in used.tags}
    return DatasetUse(
        name=used.dataset.name,
        digest=used.dataset.digest,
        context=tags.get(CONTEXT, ""),
        source=used.dataset.source or "",
        schema=used.dataset.schema or "",
    )
