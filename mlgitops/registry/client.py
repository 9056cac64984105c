"""The registry behind MLflow's own client: REST or, with a database URI, in this process.

Verified against MLflow 3.17: `registered-models/search` returns tags, aliases and the latest
version of each classic stage; `model-versions/search` filters by tag and returns no aliases.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mlgitops.core import stamp as stamps
from mlgitops.core.held import Held, HeldModel
from mlgitops.core.stage import CLASSIC_STAGES, alias_of
from mlgitops.core.version import READY, RECIPE_TAG, DatasetUse, Version
from mlgitops.registry.failures import translated
from mlgitops.registry.signature import signature_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

    from mlgitops.core.classic import Transition
    from mlgitops.core.stamp import Stamp

_MODELS_A_PAGE = 1000  # MLflow's limit
_VERSIONS_A_PAGE = 1000
_GONE = "RESOURCE_DOES_NOT_EXIST"
_COMMIT_TAG = "mlflow.source.git.commit"  # of a run
_CONTEXT_TAG = "mlflow.data.context"  # of a data set that a run used


class MlflowRegistry:
    """Reads and writes one MLflow registry.

    Every method raises a subclass of `mlgitops.errors.RegistryError` when the registry cannot be
    used: unreachable, too slow, denied, broken, or not MLflow.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import mlflow

        mlflow.set_tracking_uri(uri)
        with translated(uri):
            self._client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)

    def held(self, aliases: Collection[str]) -> Held:
        """All models, in pages."""
        with translated(self.uri):
            models: list[RegisteredModel] = list(
                self._pages(self._client.search_registered_models, _MODELS_A_PAGE)
            )
            keys = {alias_of(stage) for stage in CLASSIC_STAGES} | set(aliases)
            keys.update(alias for model in models for alias in model.aliases)
            found = {alias: self._stamped(alias) for alias in sorted(keys)}
        return Held(
            models=MappingProxyType({str(m.name): _model(m, _of(m.name, found)) for m in models})
        )

    def _stamped(self, alias: str) -> dict[str, dict[int, Stamp]]:
        """Model → version → stamp, of all versions that carry a stamp for `alias`."""
        tag = stamps.tag_of(alias)
        found: dict[str, dict[int, Stamp]] = {}
        for version in self._versions(f"tags.`{tag}` != ''"):
            stamp = stamps.parse(version.tags[tag])
            if stamp is not None:
                found.setdefault(str(version.name), {})[int(version.version)] = stamp
        return found

    def model(self, name: str) -> HeldModel | None:
        """One model with the stamps of all its stages."""
        with translated(self.uri):
            try:
                model = self._client.get_registered_model(name)
            except Exception as error:
                if _is_gone(error):
                    return None
                raise
            found: dict[str, dict[int, Stamp]] = {}
            for version in self._versions(_named(name)):
                for tag, text in version.tags.items():
                    stamp = stamps.parse(text) if tag.startswith(stamps.TAG_PREFIX) else None
                    if stamp is not None:
                        alias = tag.removeprefix(stamps.TAG_PREFIX)
                        found.setdefault(alias, {})[int(version.version)] = stamp
        return _model(model, found)

    def classic_stages(self, name: str) -> Mapping[int, str]:
        """Every version of a model and its classic stage."""
        with translated(self.uri):
            return {int(v.version): str(v.current_stage) for v in self._versions(_named(name))}

    def recipes(self, name: str) -> Mapping[int, str | None]:
        """Every version of a model and the recipe that it was trained by."""
        with translated(self.uri):
            return {int(v.version): v.tags.get(RECIPE_TAG) for v in self._versions(_named(name))}

    def version(self, name: str, number: int) -> Version | None:
        """A version's status, tags and times; what its run recorded is for `evidence`."""
        with translated(self.uri):
            try:
                found = self._client.get_model_version(name, str(number))
            except Exception as error:
                if _is_gone(error):
                    return None
                raise
        return Version(
            number=number,
            status=found.status,
            run_id=found.run_id or None,
            tags=MappingProxyType(dict(found.tags)),
            uri=f"models:/{name}/{number}",
            created=_iso(found.creation_timestamp),
        )

    def evidence(self, version: Version, *, signature: bool) -> Version:
        """The version with what its run recorded, and its signature if asked for.

        A run that was deleted leaves a version without metrics, parameters and data: a gate that
        needs them says so. A signature costs the download of the version's MLmodel file.
        """
        with translated(self.uri):
            run = self._run(version.run_id)
            found = signature_of(version.uri) if signature else None
        known = version if run is None else _with_run(version, run)
        return replace(known, signature=found)

    def _run(self, run_id: str | None) -> Run | None:
        try:
            return self._client.get_run(run_id) if run_id else None
        except Exception as error:
            if _is_gone(error):
                return None
            raise

    def download(self, uri: str, folder: Path) -> Path:
        """Download a model into a folder; where it lies then."""
        from mlflow.artifacts import download_artifacts

        with translated(self.uri):
            return Path(download_artifacts(uri, dst_path=str(folder)))

    def metrics(self, name: str, most: int) -> Mapping[int, Mapping[str, float]]:
        """The metrics of a model's latest versions; two requests, however many they are."""
        with translated(self.uri):
            newest = sorted(self._versions(_named(name)), key=lambda v: -int(v.version))[:most]
            runs = {str(v.run_id): int(v.version) for v in newest if v.run_id}
            if not runs:
                return {}
            listed = ", ".join(f"'{run}'" for run in runs)
            found = self._client.search_runs(
                self._experiments(runs), f"attributes.run_id IN ({listed})", max_results=len(runs)
            )
        return {runs[run.info.run_id]: MappingProxyType(dict(run.data.metrics)) for run in found}

    def _experiments(self, runs: Iterable[str]) -> list[str]:
        """The experiment of the newest run that exists; the others lie there as a rule."""
        found = (run for run_id in runs if (run := self._run(run_id)))
        return [run.info.experiment_id for run in islice(found, 1)]

    def of_run(self, name: str, run_id: str) -> Version | None:
        """The version of a model that a run made, or else what the run logged, as number 0.

        Returns:
            None if there is no such run, or it logged no model.
        """
        with translated(self.uri):
            run = self._run(run_id)
            if run is None:
                return None
            made = [v for v in self._versions(f"run_id='{run_id}'") if v.name == name]
            if made:
                return self.version(name, max(int(v.version) for v in made))
            outputs = run.outputs.model_outputs if run.outputs else []
        if not outputs:
            return None
        uri = f"models:/{outputs[-1].model_id}"
        tags = MappingProxyType(dict(run.data.tags))
        return Version(number=0, status=READY, run_id=run_id, tags=tags, uri=uri)

    def stamp(self, name: str, number: int, alias: str, stamp: Stamp) -> None:
        """Write a stage's stamp on a version."""
        with translated(self.uri):
            self._client.set_model_version_tag(
                name, str(number), stamps.tag_of(alias), stamp.dump()
            )

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        with translated(self.uri):
            self._client.set_registered_model_alias(name, alias, str(number))

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        with translated(self.uri):
            self._client.delete_registered_model_alias(name, alias)

    def set_classic_stage(self, name: str, transition: Transition) -> None:
        """Move a version to a classic stage."""
        with translated(self.uri), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # stages are deprecated: that is known
            self._client.transition_model_version_stage(
                name,
                str(transition.version),
                transition.stage,
                archive_existing_versions=transition.archive_others,
            )

    def _versions(self, query: str) -> Iterator[ModelVersion]:
        def search(**page: Any) -> Any:
            return self._client.search_model_versions(query, **page)

        return self._pages(search, _VERSIONS_A_PAGE)

    @staticmethod
    def _pages(search: Callable[..., Any], size: int) -> Iterator[Any]:
        token = None
        while True:
            page = search(max_results=size, page_token=token)
            yield from page
            token = page.token
            if not token:
                return


def _named(name: str) -> str:
    quote = '"' if "'" in name else "'"
    return f"name={quote}{name}{quote}"


def _model(model: RegisteredModel, found: Mapping[str, Mapping[int, Stamp]]) -> HeldModel:
    return HeldModel(
        name=model.name,
        aliases=MappingProxyType({a: int(v) for a, v in model.aliases.items()}),
        classic=MappingProxyType(
            {
                latest.current_stage: int(latest.version)
                for latest in model.latest_versions
                if latest.current_stage in CLASSIC_STAGES
            }
        ),
        stamps=MappingProxyType(dict(found)),
    )


def _of(
    name: str, found: Mapping[str, Mapping[str, dict[int, Stamp]]]
) -> dict[str, dict[int, Stamp]]:
    """One model's part of alias → model → version → stamp."""
    return {alias: dict(models[name]) for alias, models in found.items() if name in models}


def _with_run(version: Version, run: Run) -> Version:
    begun, ended = run.info.start_time, run.info.end_time  # milliseconds
    return replace(
        version,
        metrics=MappingProxyType(dict(run.data.metrics)),
        params=MappingProxyType(dict(run.data.params)),
        datasets=_datasets(run),
        seconds=(ended - begun) / 1000 if begun and ended else None,
        commit=run.data.tags.get(_COMMIT_TAG),
    )


def _datasets(run: Run) -> tuple[DatasetUse, ...]:
    """What a run logged with `mlflow.log_input`, by what for and name."""
    inputs = run.inputs.dataset_inputs if run.inputs else []
    uses = []
    for used in inputs:
        tags = {tag.key: tag.value for tag in used.tags}
        data = used.dataset
        context = tags.get(_CONTEXT_TAG, "")
        uses.append(DatasetUse(name=data.name, digest=data.digest, context=context))
    return tuple(sorted(uses, key=lambda use: (use.context, use.name, use.digest)))


def _iso(milliseconds: int | None) -> str | None:
    """MLflow's time as ISO 8601 in UTC, to the second."""
    if not milliseconds:
        return None
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _is_gone(error: Exception) -> bool:
    return getattr(error, "error_code", None) == _GONE
