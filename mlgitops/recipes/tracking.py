"""Train a recipe and register what came out: what `mlgitops train` and notebooks call.

A run leaves its tags in MLflow, and one logged model that can be registered. Everything goes to
where `mlflow.set_tracking_uri` or `MLFLOW_TRACKING_URI` points: a database or a server, with its
artifacts beside it or behind it. Importing this module is light; MLflow and scikit-learn are
imported when something is trained.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, redirect_stdout, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mlgitops.core.metrics import of_training
from mlgitops.core.version import RECIPE_TAG
from mlgitops.errors import RecipeError
from mlgitops.recipes.package import RecipePackage
from mlgitops.recipes.recipe import canonical
from mlgitops.registry import allowed
from mlgitops.registry.address import Address
from mlgitops.registry.failures import translated
from mlgitops.system import git
from mlgitops.system.signals import Terminated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from mlflow.entities import Run

    from mlgitops.recipes.data import Holdout
    from mlgitops.recipes.recipe import RecipeModule

TAG_PREFIX = "mlgitops."
SESSION_TAG = "mlgitops.session"  # of a run: which `mlgitops train` had it made by a worker
READY_SECONDS = 300
_SENT: ContextVar[Mapping[str, str] | None] = ContextVar("code that was sent", default=None)
_NO_MODEL = "mlgitops:/not-trained"  # where the model of a version is that has none


class Training(Protocol):
    """One training run, ready to go; what is wrong beforehand is known already."""

    @property
    def title(self) -> str:
        """The run's name."""
        ...

    @property
    def tags(self) -> Mapping[str, str]:
        """Tags for the run: of the data."""
        ...

    @property
    def folder(self) -> Path:
        """Where the recipe's code lies."""
        ...

    @property
    def held_out(self) -> Holdout | None:
        """The examples that training does not see; None if there are none."""
        ...

    @property
    def learnt_from(self) -> Holdout | None:
        """The examples that training sees; None where only the recipe knows them."""
        ...

    def run(self) -> object:
        """Train in the active run and log the model there.

        Returns:
            MLflow's ModelInfo of the model, or anything else where the run logs one only.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedRun:
    """A run that ended well.

    Attributes:
        run_id: the run.
        model_uri: the logged model, `models:/m-…`.
        metrics: the run's metrics by name, without autolog's of the training set.
        tags: those of the run that its version gets: of the recipe and the data.
    """

    run_id: str
    model_uri: str
    metrics: dict[str, float]
    tags: dict[str, str]


def run(
    recipe: str,
    *,
    params: Mapping[str, object],
    data: str | None,
    experiment: str,
    package: RecipePackage | None = None,
    session: str = "",
) -> TrainedRun:
    """Train a recipe in a run of its own. Nothing is registered or promoted.

    Args:
        recipe: the recipe's name.
        params: its parameters, as models.yaml holds them; the run's tag `mlgitops.recipe` holds
            the recipe with them, as `canonical` gives it.
        data: a path or an address of its data; None for its default.
        experiment: the MLflow experiment, which is made if there is none.
        package: where the recipe is found; None for the default package.
        session: a name by which `end_lost` finds the run; empty for none.

    Raises:
        RecipeError: there is no such recipe, a parameter is wrong, or it does not train a model.
        TrainingDataError: the data do not have the shape that the recipe needs.
        RegistryError: MLflow could not be used.
    """
    training = prepare((package or RecipePackage()).load(recipe), params, data)
    tags = {RECIPE_TAG: canonical(recipe, params), **({SESSION_TAG: session} if session else {})}
    return record(training, experiment=experiment, tags=tags)


def prepare(recipe: RecipeModule, params: Mapping[str, object], data: str | None) -> Training:
    """Everything that can be wrong, found before anything is trained or recorded."""
    parsed, place = recipe.parse(params), recipe.data(data)
    if recipe.has("prepare"):
        from mlgitops.recipes.sklearn.training import SklearnTraining
        from mlgitops.recipes.sklearn.training import prepare as prepared

        task = prepared(recipe, parsed, place)
        return SklearnTraining(recipe=recipe.name, task=task, folder=recipe.folder)
    from mlgitops.recipes.plain import PlainTraining, holdout

    held_out = holdout(recipe, parsed, place)
    return PlainTraining(recipe=recipe, params=parsed, data=place, held_out=held_out)


def record(training: Training, *, experiment: str, tags: Mapping[str, str]) -> TrainedRun:
    """Train in a run of its own, at `mlflow.get_tracking_uri()`.

    One that goes wrong is FAILED, one that is interrupted KILLED.
    """
    import mlflow

    uri = mlflow.get_tracking_uri()
    allowed.guard(Address(registry=mlflow.get_registry_uri(), tracking=uri))
    with translated(uri):
        where = mlflow.set_experiment(experiment).experiment_id
        active = mlflow.start_run(
            experiment_id=where,
            run_name=training.title,
            tags={**code_tags(training.folder), **training.tags, **tags},
        )
    # At the end of a run on a server MLflow prints a link. Standard output is the caller's, who
    # may be printing JSON.
    with redirect_stdout(sys.stderr), active as begun:
        try:
            returned = training.run()
        except (KeyboardInterrupt, Terminated):
            mlflow.end_run("KILLED")
            raise
        with translated(uri):
            run = mlflow.get_run(begun.info.run_id)
        return TrainedRun(
            run_id=run.info.run_id,
            model_uri=f"models:/{_model(run, returned, training.title)}",
            metrics={
                name: value for name, value in run.data.metrics.items() if not of_training(name)
            },
            tags={
                key: value
                for key, value in run.data.tags.items()
                if key.startswith(TAG_PREFIX) and key != SESSION_TAG
            },
        )


def _model(run: Run, returned: object, recipe: str) -> str:
    """The id of the model that a run is about."""
    from mlflow.models.model import ModelInfo

    logged = [one.model_id for one in run.outputs.model_outputs] if run.outputs else []
    if isinstance(returned, ModelInfo):
        if returned.model_id not in logged:
            raise RecipeError(
                f"{recipe}: train returned a model that its run did not log, {returned.model_id}"
            )
        return str(returned.model_id)
    if not logged:
        raise RecipeError(
            f"{recipe}: the run logged no model; log it in train, for example with "
            'mlflow.sklearn.log_model(model, name="model")'
        )
    if len(logged) > 1:
        raise RecipeError(
            f"{recipe}: the run logged {len(logged)} models; let train return what log_model "
            "returns for the one to register"
        )
    return str(logged[0])


def register(trained: TrainedRun, name: str) -> int:
    """Register a logged model as a new version of `name` and wait until it is READY.

    The model `name` is made if there is none. The version gets the run's `mlgitops.…` tags (recipe,
    data). Nothing is promoted: neither alias nor stage is set.

    Returns:
        The version's number.

    Raises:
        RegistryError: MLflow could not be used, or the version did not become READY in time.
    """
    import mlflow

    with translated(mlflow.get_tracking_uri()):
        # waiting, MLflow itself refuses a version that ends otherwise than READY
        made = mlflow.register_model(
            trained.model_uri,
            name,
            await_registration_for=READY_SECONDS,
            tags=trained.tags,
        )
    return int(made.version)


def reserve(name: str, made_by: str) -> int:
    """Register a version of `name` that has no model, so that the next one gets the next number.

    Args:
        name: the model, which is made if there is none.
        made_by: the recipe that would train it, as `canonical` gives it.

    Returns:
        The version's number.

    Raises:
        RegistryError: MLflow could not be used.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    with translated(mlflow.get_tracking_uri()):
        client = mlflow.MlflowClient()
        with suppress(MlflowException):  # it is there; whatever else is wrong stops what follows
            client.create_registered_model(name)
        tags = {RECIPE_TAG: made_by}
        made = client.create_model_version(name, _NO_MODEL, tags=tags, await_creation_for=0)
    return int(made.version)


@contextmanager
def autologged(*, datasets: bool) -> Iterator[None]:
    """MLflow's autolog, for the hyperparameters and training metrics of whatever is fitted.

    It does not log models: its way of doing so takes neither a form of serialization nor
    requirements, and a recipe that logs its own would log two. It is switched off again, so that
    it does not record what others fit in this process.
    """
    import mlflow

    mlflow.autolog(log_models=False, log_datasets=datasets, silent=True)
    try:
        yield
    finally:
        mlflow.autolog(disable=True, silent=True)


def end_lost(session: str, experiments: Iterable[str]) -> int:
    """End runs that a lost process has left open; returns how many.

    Args:
        session: by which they were made.
        experiments: the names of those that they are in.

    Raises:
        RegistryError: MLflow could not be used.
    """
    import mlflow

    ended = 0
    with translated(mlflow.get_tracking_uri()):
        client = mlflow.MlflowClient()
        for name in experiments:
            if (experiment := client.get_experiment_by_name(name)) is None:
                continue
            wanted = f"tags.`{SESSION_TAG}` = '{session}' and attributes.status = 'RUNNING'"
            for run in client.search_runs([experiment.experiment_id], wanted):
                client.set_terminated(run.info.run_id, "KILLED")
                ended += 1
    return ended


@contextmanager
def code_known(tags: Mapping[str, str]) -> Iterator[None]:
    """Let `code_tags` say this of all code: it was sent here without its git work tree."""
    token = _SENT.set(tags)
    try:
        yield
    finally:
        _SENT.reset(token)


def code_tags(folder: Path) -> dict[str, str]:
    """The tags that name the commit of a folder's code; none outside a git work tree."""
    if (sent := _SENT.get()) is not None:
        return dict(sent)
    from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_GIT_DIRTY

    commit = git.ask(folder, "rev-parse", "--verify", "HEAD")
    dirty = str(is_dirty(folder)).lower()
    return {MLFLOW_GIT_COMMIT: commit, MLFLOW_GIT_DIRTY: dirty} if commit else {}


def is_dirty(folder: Path) -> bool:
    """Whether a commit lacks some of what trains: a change of its files, or a module of a folder.

    Other files that git does not know are nobody's code. Outside a git work tree nothing is dirty.
    """
    changed = ("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=untracked")
    unknown = ("ls-files", "--others", "--exclude-standard", "-z")
    modules = (git.ask(folder, *unknown) or "").split("\0")
    return bool(git.ask(folder, *changed)) or any(name.endswith(".py") for name in modules)
