"""What is asked of MLflow's API, whichever way it is reached, and the rows that it answers with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlgitops.core.evaluated import Measurement
    from mlgitops.core.version import DatasetUse
    from mlgitops.registry.accounts import Accounts
    from mlgitops.registry.served import Served

Row = TypeVar("Row")
# MLflow's default is by the time of the last change: a move between two pages would shift rows
CONTEXT = "mlflow.data.context"  # the tag of a data set that says what a run used it for
VERSION_ORDER = ("name ASC", "version_number ASC")
RUN_ORDER = ("attributes.start_time ASC",)
# what a version may be registered from: a logged model, another version, a logged model's folder
_LOGGED = re.compile(r"models:/+(m-[A-Za-z0-9-]{1,100})")
_COPIED = re.compile(r"models:/+.+/[1-9][0-9]{0,9}", re.DOTALL)
_FOLDER = re.compile(r"/models/(m-[0-9a-f]{32})(?:/|$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[Row]):
    """A part of an answer, and the token of the next one; None if it is the last."""

    rows: Sequence[Row]
    token: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRow:
    """A registered model.

    Attributes:
        latest: classic stage → its latest version; empty if there are no classic stages, or no
            versions.
        is_prompt: whether it is a prompt, which MLflow keeps among its models.
    """

    name: str
    aliases: Mapping[str, int]
    latest: Mapping[str, int]
    is_prompt: bool
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionRow:
    """A model version.

    Attributes:
        stage: its classic stage; `None`, the word, for none.
        created: milliseconds since 1970.
        source: what it was registered from.
        model_id: the logged model that it is, where it says so.
    """

    name: str
    number: int
    status: str
    stage: str
    run_id: str | None
    tags: Mapping[str, str]
    created: int | None
    source: str
    model_id: str

    @property
    def origin(self) -> str:
        """As in `mlgitops.core.version.Version`."""
        return origin(self.source, self.model_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """A run.

    Attributes:
        begun, ended: milliseconds since 1970.
        status: such as `RUNNING`, `FINISHED` or `FAILED`.
        artifacts: the address of the folder that its files lie in.
        models: the ids of the models that it logged.
    """

    run_id: str
    experiment: str
    begun: int | None
    ended: int | None
    status: str
    artifacts: str
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    datasets: tuple[DatasetUse, ...]
    models: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedRow:
    """A logged model: what MLflow 3 keeps of a model beside the run that logged it.

    Attributes:
        run_id: the run that logged it, if one did.
        location: the address of the folder that its files lie in.
        measured: all values of its metrics.
    """

    model_id: str
    experiment: str
    run_id: str | None
    location: str
    measured: tuple[Measurement, ...]
    params: Mapping[str, str]

    @property
    def metrics(self) -> Mapping[str, Measurement]:
        """Metric → its last value."""
        return _last(self.measured)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What is logged to a run at once: at most 100 parameters, of 6,000 characters each."""

    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def among(run_ids: Sequence[str]) -> str:
    """The filter of MLflow's that finds some runs."""
    listed = ", ".join(f"'{run}'" for run in run_ids)
    return f"attributes.run_id IN ({listed})"


def among_logged(model_ids: Sequence[str]) -> str:
    """The filter of MLflow's that finds some logged models."""
    listed = ", ".join(f"'{one}'" for one in model_ids)
    return f"model_id IN ({listed})"


def _last(measured: Iterable[Measurement]) -> dict[str, Measurement]:
    """The last value of each metric, by the order that MLflow sorts logged models by."""
    found: dict[str, Measurement] = {}
    for one in sorted(measured, key=lambda one: one.run_id, reverse=True):
        known = found.get(one.metric)
        if known is None or (one.logged, one.step) >= (known.logged, known.step):
            found[one.metric] = one
    return found


def origin(source: str, model_id: str | None = None) -> str:
    """What a version was registered from, where that is a model of the registry.

    >>> origin("models:/m-1"), origin("s3://bucket/model"), origin("models:/wind/2")
    ('models:/m-1', '', 'models:/wind/2')
    """
    found = _LOGGED.fullmatch(source) or _FOLDER.search(source)
    if known := model_id or (found and found[1]):
        return f"models:/{known}"
    return source if _COPIED.fullmatch(source) else ""


class RegistryApi(Protocol):
    """Requests to a registry: each method is one, and raises a subclass of `RegistryError`."""

    @property
    def at_once(self) -> int:
        """How many threads may ask at the same time."""
        ...

    @property
    def accounts(self) -> Accounts | None:
        """The server's accounts; None where MLflow's client asks, which knows none."""
        ...

    def models(self, query: str, size: int, token: str | None) -> Page[ModelRow]:
        """A page of the models that a filter of MLflow's finds; of all, if it is empty."""
        ...

    def versions(self, query: str, size: int, token: str | None) -> Page[VersionRow]:
        """A page of the versions that a filter of MLflow's finds."""
        ...

    def model(self, name: str) -> ModelRow | None:
        """A model; None if there is none of that name."""
        ...

    def version(self, name: str, number: int) -> VersionRow | None:
        """A version; None if there is none of that number."""
        ...

    def file(self, name: str, number: int, path: str) -> str | None:
        """A small file of a version's payload; None unless one request brings it.

        Raises:
            RegistryGoneError: the registry does not find it; clients might.
        """
        ...

    def source(self, name: str, number: int) -> str | None:
        """Where the payload of a version is said to be; None if only MLflow's client comes to it.

        Raises:
            RegistryGoneError: there is no such version.
        """
        ...

    def create_model(self, name: str, tags: Mapping[str, str]) -> None:
        """Make a model without versions.

        Raises:
            RegistryExistsError: there is one of that name.
        """
        ...

    def set_model_tag(self, name: str, key: str, value: str) -> None:
        """Set a model's tag."""
        ...

    def rename_model(self, name: str, new: str) -> None:
        """Rename a model.

        Raises:
            RegistryExistsError: there is one of the new name.
        """
        ...

    def delete_model(self, name: str) -> None:
        """Remove a model with all its versions."""
        ...

    def set_tag(self, name: str, number: int, key: str, value: str) -> None:
        """Set a version's tag."""
        ...

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        ...

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        ...

    def transition(self, name: str, number: int, stage: str, *, archive_others: bool) -> None:
        """Move a version to a classic stage.

        Raises:
            RegistryNotFoundError: the registry has no classic stages.
        """
        ...


class RunApi(Protocol):
    """Requests to a tracking server."""

    def run(self, run_id: str) -> RunRow | None:
        """A run; None if there is none."""
        ...

    def logged(self, model_id: str) -> LoggedRow:
        """A logged model.

        Raises:
            RegistryGoneError: there is no such model.
            RegistryNotFoundError: the server is of MLflow 2, which knows none.
        """
        ...

    def all_logged(
        self, experiments: Sequence[str], model_ids: Sequence[str]
    ) -> Sequence[LoggedRow]:
        """Those of some logged models that are in some experiments."""
        ...

    def served(self, store: str) -> Served | None:
        """Artifacts at an address, if a server passes them on over plain HTTP."""
        ...

    def runs(self, experiments: Sequence[str], run_ids: Sequence[str]) -> Sequence[RunRow]:
        """Those of the runs that are in some experiments."""
        ...

    def experiments(self, size: int, token: str | None) -> Page[str]:
        """A page of the ids of all experiments."""
        ...

    @property
    def server(self) -> str:
        """The version of MLflow that answers; empty if it does not say."""
        ...

    def experiment(self, name: str) -> str | None:
        """The id of an experiment; None if there is none of that name."""
        ...

    def create_experiment(self, name: str) -> str:
        """Create an experiment whose artifacts lie where its server keeps them; its id."""
        ...

    def history(self, experiment: str, query: str, size: int, token: str | None) -> Page[RunRow]:
        """A page of the runs that a filter finds, deleted ones too, the oldest first."""
        ...

    def create(self, experiment: str, begun: int, tags: Mapping[str, str]) -> RunRow:
        """Create a run that begins at a time."""
        ...

    def log(self, run_id: str, batch: Batch, now: int) -> None:
        """Log to a run."""
        ...

    def keep(self, run: RunRow, files: Mapping[str, bytes]) -> None:
        """Store files among the artifacts of a run, by their names."""
        ...

    def end(self, run_id: str, status: str, ended: int) -> None:
        """End a run."""
        ...
