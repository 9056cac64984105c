"""A deployment of kind `kubernetes`: its stages in one namespace."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as changed
from typing import TYPE_CHECKING, Any

from mlgitops.core.deployments import KubernetesNamespace
from mlgitops.deploy import failures, images
from mlgitops.deploy.kubernetes import lock, names, reading
from mlgitops.deploy.kubernetes.client import Namespace
from mlgitops.deploy.kubernetes.objects import objects
from mlgitops.deploy.kubernetes.replace import Replacement, checked
from mlgitops.deploy.values import Action, Outcome, Served, State, Step, Wanted
from mlgitops.errors import MlgitopsError
from mlgitops.errors.deploying import ClusterForeignError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from mlgitops.core.deployments import DesiredDeployment
    from mlgitops.core.desired import Desired
    from mlgitops.core.registry import RegistryReader
    from mlgitops.deploy.kubernetes.reading import Found
    from mlgitops.image.spec import BuildOptions

_UNBUILT = "its image is not in the registry of images yet"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    """A step, what it is about, and what is there."""

    step: Step
    wanted: Wanted
    found: Found | None


class KubernetesTarget:
    """The stages that a deployment serves in a namespace."""

    def __init__(
        self,
        deployment: DesiredDeployment,
        desired: Desired,
        registry: RegistryReader,
        image: BuildOptions,
    ) -> None:
        assert isinstance(deployment.place, KubernetesNamespace), "of another kind"
        self._it, self._desired = deployment, desired
        self._registry, self._image = registry, image
        self._namespace = Namespace(deployment.place)
        self._place = str(self._namespace)

    def served(self) -> Sequence[Served]:
        """What really serves there; see `Target`."""
        listed = dict.fromkeys(self._it.pairs(self._desired))
        try:
            live = reading.read(self._namespace)
        except MlgitopsError as error:
            return [
                self._served(model, stage, State.UNKNOWN, note=str(error))
                for model, stage in listed
            ]
        mine = {name: found for name, found in live.items() if self._is_mine(found)}
        result = []
        for model, stage in listed:
            found = mine.pop(names.name_of(model, stage), None)
            result.append(self._standing(model, stage, found))
        rest = (self._standing(one.said("model"), one.said("stage"), one) for one in mine.values())
        return [*result, *rest]

    def plan(self, wanted: Sequence[Wanted]) -> Sequence[Step]:
        """What `make` would do; see `Target`."""
        try:
            tasks = list(self._tasks(wanted))
        except MlgitopsError as error:
            return [self._step(one, Action.NOTHING, trouble=str(error)) for one in wanted]
        trials = [self._trial(task) for task in tasks]
        # one call for all of them; where the cluster objects to any, one for each says to which
        together = [one for _, rendered in trials for one in rendered]
        if not self._trouble(together):
            return [step for step, _ in trials]
        return [
            changed(step, trouble=step.trouble or self._trouble(rendered))
            for step, rendered in trials
        ]

    def make(self, wanted: Sequence[Wanted], say: Callable[[str], None]) -> Iterator[Outcome]:
        """Serve that; see `Target`."""
        try:
            tasks = list(self._tasks(wanted))
        except MlgitopsError as error:
            for one in wanted:
                yield failures.failed(self._step(one, Action.NOTHING), error, serves=None)
            return
        if not any(task.step.pending for task in tasks):
            yield from (self._done(task) for task in tasks)
            return
        name, owner = lock.name_of(self._desired.owner, self._it.name), self._desired.owner
        try:
            with lock.held(self._namespace, name, owner, say) as lost:
                for task in self._tasks(wanted):
                    yield self._made(task, lost, say)
        except MlgitopsError as error:
            for task in tasks:
                yield failures.failed(task.step, error, serves=task.step.old)

    def _tasks(self, wanted: Sequence[Wanted]) -> Iterator[_Task]:
        """What is to be done, from one look at the namespace."""
        live = reading.read(self._namespace)
        for one in wanted:
            found = live.get(names.name_of(one.model, one.stage))
            yield _Task(step=self._needed(one, found), wanted=one, found=found)
        listed = {names.name_of(*pair) for pair in self._it.pairs(self._desired)}
        for found in live.values():
            if found.name not in listed and self._is_mine(found):
                gone = Wanted(model=found.said("model"), stage=found.said("stage"), version=None)
                step = self._step(gone, Action.PRUNE, old=found.version)
                yield _Task(step=step, wanted=gone, found=found)

    def _needed(self, wanted: Wanted, found: Found | None) -> Step:
        if found and (trouble := self._foreign(found)):
            return self._step(wanted, Action.NOTHING, trouble=trouble)
        old = found.version if found else ""
        if wanted.version is None:
            return self._step(wanted, Action.WITHDRAW if found else Action.NOTHING, old=old)
        if found is None or found.deployment is None:
            return self._step(wanted, Action.CREATE)
        rendered = self._rendered(wanted, found.own_image, found.said("digest"))
        details = list(reading.differences(rendered, found))
        if old != str(wanted.version):
            hidden = ("image: ", "commit: ")
            details = [one for one in details if not one.startswith(hidden)]
            return self._step(wanted, Action.REPLACE, old=old, details=details)
        details = [
            one.replace("image: ", "image changed by hand: ") if one.startswith("image: ") else one
            for one in details
        ]
        if found.said(reading.ROLLOUT) or not reading.settled(found.deployment):
            details.append("its rollout has not come to its end")
        return self._step(
            wanted, Action.CHANGE if details else Action.NOTHING, old=old, details=details
        )

    def _trial(self, task: _Task) -> tuple[Step, Sequence[dict[str, Any]]]:
        """A step, and the objects of which the cluster is to say whether it would take them."""
        step = task.step
        if step.action not in (Action.CREATE, Action.REPLACE, Action.CHANGE) or step.trouble:
            return step, ()
        try:
            rendered = self._known(task)
        except MlgitopsError as error:
            return changed(step, trouble=str(error)), ()
        if rendered is None:
            return changed(step, details=(*step.details, _UNBUILT)), ()
        return step, checked(rendered, task.found)

    def _trouble(self, rendered: Sequence[dict[str, Any]]) -> str:
        """Why the cluster would not take objects; empty if it would."""
        try:
            if rendered:
                self._namespace.apply(rendered, dry=True)
        except MlgitopsError as error:
            return str(error)
        return ""

    def _known(self, task: _Task) -> list[dict[str, Any]] | None:
        """What would be applied; None if its image is not known without building it."""
        wanted, found = task.wanted, task.found
        if task.step.action is Action.CHANGE and found:
            return self._rendered(wanted, found.own_image, found.said("digest"))
        assert wanted.version is not None, "of an emptied stage, nothing is rendered"
        image = images.known(
            self._registry, wanted.model, wanted.version, wanted.stage, self._image
        )
        return self._rendered(wanted, image.reference, image.payload) if image else None

    def _made(self, task: _Task, lost: threading.Event, say: Callable[[str], None]) -> Outcome:
        step = task.step
        serves = step.old
        try:
            if step.trouble:
                raise ClusterForeignError(step.trouble)
            if step.action is Action.NOTHING:
                return self._done(task)
            replacement = Replacement(
                self._namespace, task.found, self._it.rollout, lost=lost, say=say
            )
            if step.action in (Action.WITHDRAW, Action.PRUNE):
                say(f"removing {step.model} {step.stage}")
                replacement.remove()
                return self._done(task)
            remark = replacement.run(self._image_of(task, say))
        except MlgitopsError as error:
            return failures.failed(step, error, serves=serves)
        return changed(self._done(task), remark=remark)

    def _image_of(self, task: _Task, say: Callable[[str], None]) -> list[dict[str, Any]]:
        """What is to be applied; its image is built if there is none."""
        wanted, found = task.wanted, task.found
        if task.step.action is Action.CHANGE and found:
            return self._rendered(wanted, found.own_image, found.said("digest"))
        assert wanted.version is not None, "of an emptied stage, nothing is rendered"
        image = images.reference(
            self._registry, wanted.model, wanted.version, wanted.stage, self._image, say
        )
        return self._rendered(wanted, image.reference, image.payload)

    def _rendered(self, wanted: Wanted, image: str, digest: str) -> list[dict[str, Any]]:
        return objects(self._it, self._desired.owner, wanted, image=image, digest=digest)

    def _is_mine(self, found: Found) -> bool:
        """Whether this deployment has made all of it, or one that models.yaml has no more."""
        return not self._foreign(found)

    def _foreign(self, found: Found) -> str:
        """Why objects are not to be touched; empty if they may be."""
        others = self._desired.deployments.keys() - {self._it.name}
        for kind, one in found.objects.items():
            if names.label(one, names.OWNER) != names.owner_label(self._desired.owner):
                owner = names.annotation(one, "owner") or "somebody else"
                return f"{kind} {found.name} is there and belongs to {owner}; rename or remove it"
            if (other := names.label(one, names.DEPLOYMENT)) in others:
                return f"{kind} {found.name} belongs to the deployment {other} of models.yaml"
        return ""

    def _standing(self, model: str, stage: str, found: Found | None) -> Served:
        if found is None or found.deployment is None:
            return self._served(model, stage, State.EMPTY)
        state, note = reading.standing(found.deployment)
        if found.image != found.own_image and state is State.SERVING:
            note = f"image changed by hand: {found.own_image} → {found.image}"
            state = State.BEHIND
        status = found.deployment.get("status", {})
        return changed(
            self._served(model, stage, state, note=note),
            version=found.version,
            digest=found.said("digest"),
            image=found.image,
            commit=found.said("commit"),
            ready=status.get("readyReplicas", 0),
            replicas=found.deployment["spec"].get("replicas", 1),
            url=self._url(found),
            since=reading.since(found.deployment),
        )

    def _served(self, model: str, stage: str, state: State, *, note: str = "") -> Served:
        return Served(
            deployment=self._it.name,
            place=self._place,
            model=model,
            stage=stage,
            state=state,
            note=note,
        )

    def _url(self, found: Found | None) -> str:
        """Where it is reached from outside: a port of every node, where it has one."""
        service = found.objects.get("Service") if found else None
        port = (service or {}).get("spec", {}).get("ports", [{}])[0].get("nodePort")
        return f"http://NODE:{port}" if port else ""

    def _step(
        self,
        wanted: Wanted,
        action: Action,
        *,
        old: str = "",
        details: Sequence[str] = (),
        trouble: str = "",
    ) -> Step:
        return wanted.step(
            action, self._it.name, self._place, old=old, details=tuple(details), trouble=trouble
        )

    def _done(self, task: _Task) -> Outcome:
        port = self._it.port(task.wanted.model, task.wanted.stage)
        return Outcome(step=task.step, url=f"http://NODE:{port}" if port else "")
