"""Docker hosts, one after the other: what proves itself on one goes to the next."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlgitops.core.deployments import DockerHosts
from mlgitops.core.stage import alias_of
from mlgitops.deploy import failures, images
from mlgitops.deploy.docker import front, host, ssh, steps, told, turn
from mlgitops.deploy.docker.replace import replace as put
from mlgitops.deploy.docker.replace import withdraw
from mlgitops.deploy.docker.values import DeployOptions
from mlgitops.deploy.values import Action, Outcome, Step
from mlgitops.errors import DockerCommandError, DockerError, MlgitopsError
from mlgitops.errors.deploying import DeployFailedError
from mlgitops.image import publish
from mlgitops.image.build import build
from mlgitops.image.container import unpacked
from mlgitops.registry import digest
from mlgitops.system import docker
from mlgitops.system.variables import variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mlgitops.core.deployments import DesiredDeployment
    from mlgitops.core.desired import Desired
    from mlgitops.core.registry import RegistryReader
    from mlgitops.deploy.docker.values import Deployment
    from mlgitops.deploy.values import Served, Wanted
    from mlgitops.image.spec import BuildOptions

_HOST = "DOCKER_HOST"
_HERE = "this machine"
_MILLI, _MIB = 1000, 2**20
_Pair = tuple[str, str]  # model, alias
_Known = images.Image | MlgitopsError | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    """A step, and what it is done with."""

    step: Step
    wanted: Wanted | None = None
    found: Deployment | None = None


class DockerTarget:
    """A deployment of kind `docker`; see `mlgitops.deploy.target.Target`."""

    def __init__(
        self,
        deployment: DesiredDeployment,
        desired: Desired,
        registry: RegistryReader,
        image: BuildOptions,
    ) -> None:
        assert isinstance(deployment.place, DockerHosts), "by its kind"
        self._deployment, self._desired = deployment, desired
        self._registry, self._image = registry, image
        self._place = deployment.place
        self._pairs = [*deployment.pairs(desired)]
        self._images: dict[tuple[str, int], _Known] = {}

    def served(self) -> Sequence[Served]:
        """See `Target`."""
        found: list[Served] = []
        for one in self._hosts:
            try:
                with _at(one):
                    found += self._served(_shown(one))
            except MlgitopsError as error:
                name, said = self._deployment.name, str(error)
                found += [steps.unknown(*pair, name, _shown(one), said) for pair in self._pairs]
        return found

    def plan(self, wanted: Sequence[Wanted]) -> Sequence[Step]:
        """See `Target`."""
        found: list[Step] = []
        for one in self._hosts:
            try:
                with _at(one):
                    found += [task.step for task in self._tasks(_shown(one), wanted)]
            except MlgitopsError as error:
                found += [self._trouble(each, _shown(one), str(error)) for each in wanted]
        return found

    def make(self, wanted: Sequence[Wanted], say: Callable[[str], None]) -> Iterator[Outcome]:
        """See `Target`; a version that does not prove itself on a host is tried on no other."""
        unproven: dict[_Pair, str] = {}
        with ssh.access():
            self._prepare(wanted, say)
        for one in self._hosts:
            place = _shown(one)
            left = {(each.model, each.stage): each for each in wanted}
            say(f"looking at {place}")
            try:
                with _at(one):
                    for outcome in self._made(place, wanted, unproven, say):
                        left.pop((outcome.step.model, outcome.step.stage), None)
                        yield outcome
            except MlgitopsError as error:
                for each in left.values():
                    yield failures.failed(
                        self._trouble(each, place, str(error)), error, serves=None
                    )

    @property
    def _hosts(self) -> tuple[str, ...]:
        return self._place.hosts or ("",)

    def _served(self, place: str) -> Iterator[Served]:
        name, there = self._deployment.name, _by_pair()
        for model, stage in self._pairs:
            found = there.pop((model, alias_of(stage)), None)
            if found:
                yield steps.served(found, name, place)
            else:
                yield steps.nothing(model, stage, name, place)
        for one in there.values():
            if (one.owner, one.declared) == (self._desired.owner, name):
                yield steps.served(one, name, place)

    def _tasks(self, place: str, wanted: Sequence[Wanted]) -> Iterator[_Task]:
        """What is to be done on the host that the docker command speaks to."""
        there = _by_pair()
        for each in wanted:
            found = there.get((each.model, alias_of(each.stage)))
            options = self._options(each)
            try:
                image = self._other_image(each, found)
            except MlgitopsError as error:
                yield _Task(step=self._trouble(each, place, str(error)))
                continue
            step = steps.step(
                each,
                found,
                options,
                place=place,
                address=front.shown(front.declared(options)),
                image=image,
            )
            yield _Task(step=step, wanted=each, found=found)
        for pair, found in there.items():
            if self._is_unlisted(found, pair, place):
                yield _Task(step=steps.pruned(found, place), found=found)

    def _is_unlisted(self, found: Deployment, pair: _Pair, place: str) -> bool:
        """Whether it is this owner's, and no deployment of models.yaml lists it in this place."""
        if not found.declared or found.owner != self._desired.owner:
            return False
        declared = self._desired.deployments
        if found.declared in declared and found.declared != self._deployment.name:
            return False  # that one's own to prune
        return not any(
            pair == (model, alias_of(stage))
            for one in declared.values()
            if isinstance(one.place, DockerHosts) and place in map(_shown, one.place.hosts or ("",))
            for model, stage in one.pairs(self._desired)
        )

    def _made(
        self,
        place: str,
        wanted: Sequence[Wanted],
        unproven: dict[_Pair, str],
        say: Callable[[str], None],
    ) -> Iterator[Outcome]:
        tasks = [*self._tasks(place, wanted)]
        if not any(task.step.pending for task in tasks) and not self._renews:
            yield from (_unchanged(task) for task in tasks)
            return
        with turn.taken(self._desired.owner, place) as check:
            for task in self._tasks(place, wanted):  # somebody may have had the turn before
                pair = (task.step.model, alias_of(task.step.stage))
                serves = task.step.old
                try:
                    check()
                    if task.step.trouble:
                        yield failures.failed(
                            task.step, MlgitopsError(task.step.trouble), serves=serves
                        )
                        continue
                    if before := unproven.get(pair):
                        said = f"it is not tried here, as it did not prove itself in {before}"
                        yield failures.failed(task.step, DeployFailedError(said), serves=serves)
                        continue
                    yield self._done(task, say)
                except MlgitopsError as error:
                    failure = told.cause(error, place)
                    if failures.exit_code(failure) == failures.FAILED:
                        unproven[pair] = place
                    yield failures.failed(task.step, failure, serves=serves)

    def _done(self, task: _Task, say: Callable[[str], None]) -> Outcome:
        step, wanted, found = task.step, task.wanted, task.found
        if step.action is Action.PRUNE:
            assert found is not None, "it is pruned"
            withdraw(found, say)
            host.remove(found.name)
            return Outcome(step=step)
        assert wanted is not None, "all others are wanted"
        if wanted.version is None:
            if found:
                withdraw(found, say)
            return Outcome(step=step, url=found.url if found else "")
        identity = self._identity(wanted, wanted.version, found, step, say)
        done = put(wanted.model, wanted.stage, identity, self._options(wanted), say=say)
        return Outcome(step=step, url=done.url, remark=done.remark)

    def _identity(
        self,
        wanted: Wanted,
        version: int,
        found: Deployment | None,
        step: Step,
        say: Callable[[str], None],
    ) -> str:
        """The id of the image on this host, which is built or pulled if it is not there."""
        model, stage = wanted.model, wanted.stage
        serving = found.serving if found else None
        if serving and step.action in (Action.NOTHING, Action.CHANGE):
            return serving.image
        if not self._image.repository:
            made = build(
                self._registry, model, str(version), replace(self._image, stage=stage), say=say
            )
            return made.identity
        wish = self._known(wanted, version)
        assert wish is not None, "prepared"
        identity = _id_of(wish.reference)
        if identity is None:
            say(f"pulling {wish.reference}")
            try:
                docker.run(["pull", "--quiet", wish.reference])
            except DockerCommandError as error:
                raise failures.no_image(wish.reference, str(error)) from error
            identity = _id_of(wish.reference)
            assert identity is not None, "just pulled"
        if self._image.pins.binding(model, version, stage):
            # its label is only what its builder said
            with unpacked(identity) as folder:
                self._image.pins.verify(model, version, stage, digest.of_folder(folder))
        return identity

    def _prepare(self, wanted: Sequence[Wanted], say: Callable[[str], None]) -> None:
        """Have the images in their registry: what is missing is built here, once for all hosts."""
        if not self._image.repository:
            return
        for each in wanted:
            if each.version is None:
                continue
            asked = (self._registry, each.model, each.version, each.stage, self._image)
            try:
                found: _Known = images.reference(*asked, say)
            except MlgitopsError as error:
                found = error
            self._images[each.model, each.version] = found

    def _other_image(self, wanted: Wanted, found: Deployment | None) -> str | None:
        """What is to be said of the image, if what serves the same version has another one."""
        serving = found.serving if found else None
        version = wanted.version
        if serving is None or version is None or serving.version != str(version):
            return None
        model, stage = wanted.model, wanted.stage
        if not publish.fits(serving.labels, self._registry, model, version, stage, self._image):
            return "image: it was made of something else"
        if not self._image.repository:
            return None
        known = self._known(wanted, version)
        if known is None:
            return "image: it is not in the registry of images, and will be built"
        identity = _id_of(known.reference)
        return None if identity == serving.image else f"image: another build, {known.digest[:19]}"

    def _known(self, wanted: Wanted, version: int) -> images.Image | None:
        key = (wanted.model, version)
        if key not in self._images:
            try:
                self._images[key] = images.known(
                    self._registry, wanted.model, version, wanted.stage, self._image
                )
            except MlgitopsError as error:
                self._images[key] = error
        found = self._images[key]
        if isinstance(found, MlgitopsError):
            raise found
        return found

    @property
    def _renews(self) -> bool:
        """Whether there are files that a proxy may not have yet; which is not to be seen."""
        given = (self._file(self._place.tls_cert), self._file(self._place.token_file))
        return any(one is not None and one.exists() for one in given)

    def _file(self, name: str | None) -> Path | None:
        return Path(self._desired.file).parent / name if name else None

    def _options(self, wanted: Wanted) -> DeployOptions:
        one, place = self._deployment, self._place
        return DeployOptions(
            bind=place.bind,
            port=one.port(wanted.model, wanted.stage),
            memory=f"{one.resources.memory // _MIB}m",
            cpus=f"{one.resources.cpu / _MILLI:g}",
            replicas=one.replicas.most,
            start_timeout=round(one.rollout.start_timeout),
            keep_images=place.keep_images,
            tls_cert=self._file(place.tls_cert),
            token_file=self._file(place.token_file),
            registry=self._registry.identity,
            commit=wanted.commit,
            canary=one.rollout.canary,
            watch=one.rollout.watch,
            owner=self._desired.owner,
            declared=one.name,
            environment=one.environment,
        )

    def _trouble(self, wanted: Wanted, place: str, said: str) -> Step:
        return wanted.step(Action.NOTHING, self._deployment.name, place, trouble=said)


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Let the docker command speak to a host, for this time.

    Raises:
        PlaceUnreachableError: no engine answers there, or not any more.
        DockerError: there is no docker command.
        DeployError: there is a key for it, and something is missing beside.
    """
    with variable(_HOST, place) if place else nullcontext():
        try:
            with ssh.access():
                docker.require(compose=True)
                yield
        except DockerError as error:
            raise told.cause(error, _shown(place)) from error


def _shown(place: str) -> str:
    return place or os.environ.get(_HOST, "") or _HERE


def _by_pair() -> dict[_Pair, Deployment]:
    return {(one.model, alias_of(one.stage)): one for one in host.deployments()}


def _id_of(reference: str) -> str | None:
    try:
        return docker.run(["image", "inspect", "--format", "{{.Id}}", reference]).strip()
    except DockerCommandError as error:
        if "no such image" in str(error).lower():
            return None
        raise


def _unchanged(task: _Task) -> Outcome:
    return Outcome(step=task.step, url=task.found.url if task.found else "")
