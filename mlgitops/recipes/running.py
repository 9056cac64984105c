"""Train versions: one after the other in this process, or several at once by workers.

Workers record runs, and nothing else: versions are registered here, in their order, once the run of
each has ended. So a recipe that was trained twice, because a worker was lost or only cut off, is
registered once, and workers need no right to register.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING

from mlgitops.errors import MlgitopsError, RecipeError, VersionNumberError, WorkersLostError
from mlgitops.errors.registry import RegistryTimeoutError, RegistryUnreachableError
from mlgitops.recipes import order, tracking
from mlgitops.recipes.recipe import canonical
from mlgitops.recipes.versions import MissingVersion, Trained, failures
from mlgitops.words import pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlgitops.recipes.package import RecipePackage
    from mlgitops.workers.values import Ended, Workers

HOPELESS = (RegistryUnreachableError, RegistryTimeoutError)  # every other version meets them too


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """How versions are trained.

    Attributes:
        package: where recipes are found.
        data: a path or an address for those that read data; None for their default.
        prepare: called with the experiment's name before its first run.
        progress: told what is being done.
    """

    package: RecipePackage
    data: str | None
    prepare: Callable[[str], None]
    progress: Callable[[str], None]

    def data_of(self, recipe: str) -> str | None:
        """The data of one recipe."""
        found = self.package.load(recipe)
        return found.data(self.data if found.takes_data else None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Crew:
    """Who trains.

    Attributes:
        far: whether they are on other machines: with no folder and no git work tree of this one.
    """

    workers: Workers
    far: bool


@dataclass(kw_only=True, slots=True)
class Done:
    """What has been trained so far, and why the rest was not, by model."""

    trained: list[Trained] = field(default_factory=list)
    failures: dict[str, list[str]] = field(default_factory=dict)
    stopped: bool = False

    def fail(
        self, one: MissingVersion, error: MlgitopsError, versions: list[MissingVersion]
    ) -> None:
        """Note that a version failed, and with it those of its model that follow."""
        self.failures[one.model] = list(failures(one, error, versions))
        self.stopped = self.stopped or isinstance(error, HOPELESS)


def here(todo: list[list[MissingVersion]], terms: Terms) -> Done:
    """Train model after model, in this process."""
    done = Done()
    for versions in todo:
        for one in versions:
            try:
                if one.needed:
                    done.trained.append(_trained(one, terms))
                else:
                    _reserve(one)
            except MlgitopsError as error:
                done.fail(one, error, versions)
                break
        if done.stopped:
            break
    return done


def _trained(one: MissingVersion, terms: Terms) -> Trained:
    terms.progress(f"training {one.model} version {one.number}")
    terms.prepare(one.model)
    trained = tracking.run(
        one.recipe.train,
        params=one.recipe.params,
        data=terms.data_of(one.recipe.train),
        experiment=one.model,
        package=terms.package,
    )
    return _registered(one, trained)


def _registered(one: MissingVersion, trained: tracking.TrainedRun) -> Trained:
    number = tracking.register(trained, one.model)
    _check_number(one, number)
    return Trained(
        model=one.model, number=number, run_id=trained.run_id, metrics=dict(trained.metrics)
    )


def _reserve(one: MissingVersion) -> None:
    made_by = canonical(one.recipe.train, one.recipe.params)
    _check_number(one, tracking.reserve(one.model, made_by))


def _check_number(version: MissingVersion, number: int) -> None:
    if number != version.number:
        raise VersionNumberError(
            f"MLflow numbered it {number} instead of {version.number}, which belonged to a version "
            f"that is deleted; write {number} in models.yaml"
        )


def by_workers(todo: list[list[MissingVersion]], terms: Terms, crew: Crew) -> Done:
    """Train several models at once, the versions of each one after the other.

    However it ends, nothing that it began goes on: neither a process nor a run.
    """
    shift = _Shift(todo, terms, crew)
    try:
        shift.work()
    finally:
        crew.workers.close()
        shift.end_runs()
    return shift.done


class _Shift:
    """The versions that workers have, and those that wait for others of their model."""

    def __init__(self, todo: list[list[MissingVersion]], terms: Terms, crew: Crew) -> None:
        self.done = Done()
        self._terms, self._crew = terms, crew
        self._session, self._started = token_hex(8), monotonic()
        self._versions = {versions[0].model: versions for versions in todo if versions}
        self._left = {model: deque(versions) for model, versions in self._versions.items()}
        # the longest first: what is begun last would else keep one worker alone at the end
        self._ready = deque(sorted(self._left, key=lambda model: -len(self._left[model])))
        self._under_way: dict[str, MissingVersion] = {}
        self._lost: set[str] = set()  # the models of which a run may have been left open
        self._codes: dict[Path, dict[str, str]] = {}

    def work(self) -> None:
        """Train all that can be trained."""
        total = sum(map(len, self._versions.values()))
        while not self.done.stopped:
            while self._ready and len(self._under_way) < self._crew.workers.width:
                self._begin(self._ready.popleft())
                if self.done.stopped:
                    return
            if not self._under_way:
                return
            import mlflow  # noqa: F401 - seconds that pass while workers have something to do

            taken = monotonic() - self._started
            done = pace(len(self.done.trained), total, taken)
            self._terms.progress(f"training versions: {done}")
            try:
                ended = self._crew.workers.next()
            except WorkersLostError as error:
                for one in list(self._under_way.values()):
                    self._fail(one, error)
                return
            self._end(self._under_way[ended.name], ended)
            del self._under_way[ended.name]

    def end_runs(self) -> None:
        """Close the runs that lost processes have left open."""
        models = self._lost | {one.model for one in self._under_way.values()}
        if models:
            with suppress(MlgitopsError):  # what is wrong with the registry is told already
                tracking.end_lost(self._session, sorted(models))

    def _begin(self, model: str) -> None:
        """Give the next version of a model to a worker; numbers alone are given out here."""
        left = self._left[model]
        while left:
            one = left.popleft()
            try:
                if not one.needed:
                    _reserve(one)
                    continue
                self._terms.prepare(model)
                name = f"{model} {one.number}"
                self._crew.workers.submit(
                    name, order.trained, self._order(one), priority=len(left) + 1
                )
                self._under_way[name] = one
            except MlgitopsError as error:
                self._fail(one, error)
            return

    def _order(self, one: MissingVersion) -> order.Order:
        recipe, package = one.recipe, self._terms.package
        data = self._terms.data_of(recipe.train)
        if self._crew.far and data and "://" not in data:
            data = str(Path(data).absolute())
        return order.Order(
            recipe=recipe.train,
            params=dict(recipe.params),
            data=data,
            experiment=one.model,
            package=package.name,
            folders=None if self._crew.far else package.folders,
            session=self._session,
            code=self._code(recipe.train) if self._crew.far else None,
        )

    def _code(self, recipe: str) -> dict[str, str]:
        folder = self._terms.package.load(recipe).folder
        if folder not in self._codes:
            self._codes[folder] = tracking.code_tags(folder)
        return self._codes[folder]

    def _end(self, one: MissingVersion, ended: Ended) -> None:
        if ended.tries > 1:
            self._lost.add(one.model)
        try:
            if ended.answer.problem is not None:
                raise RecipeError(ended.answer.problem)
            self.done.trained.append(_registered(one, ended.answer.value))
            self._ready.appendleft(one.model)
        except MlgitopsError as error:
            self._fail(one, error)

    def _fail(self, one: MissingVersion, error: MlgitopsError) -> None:
        self.done.fail(one, error, self._versions[one.model])


def in_order(todo: list[list[MissingVersion]], done: Done) -> Iterator[Trained]:
    """What was trained, as the file lists it."""
    place = {
        (one.model, one.number): place
        for place, one in enumerate(one for versions in todo for one in versions)
    }
    yield from sorted(done.trained, key=lambda one: place[one.model, one.number])
