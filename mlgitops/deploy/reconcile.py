"""Deployments and what the registry says: each serves the versions that its stages hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING

from mlgitops.core.deployments import DockerHosts, KubernetesNamespace
from mlgitops.core.stage import alias_of
from mlgitops.deploy import failures
from mlgitops.deploy.values import Action, Outcome, Served, State, Step, Wanted
from mlgitops.errors import MlgitopsError, UsageError
from mlgitops.words import suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from mlgitops.core.deployments import DesiredDeployment
    from mlgitops.core.desired import Desired
    from mlgitops.core.held import Held, HeldModel
    from mlgitops.core.registry import RegistryReader
    from mlgitops.deploy.target import Target
    from mlgitops.image.spec import BuildOptions

DOCKER, KUBERNETES, GITOPS = "docker", "kubernetes", "gitops"
# imported when one is needed: each brings a client of its own
_TARGETS = {
    DOCKER: ("mlgitops.deploy.docker.target", "DockerTarget"),
    KUBERNETES: ("mlgitops.deploy.kubernetes.target", "KubernetesTarget"),
    GITOPS: ("mlgitops.deploy.gitops.target", "GitopsTarget"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """One declared deployment, its target, and what its stages hold.

    Attributes:
        wanted: of the stages that it lists, those of which that can be said.
        troubles: the others, and why not.
    """

    declared: DesiredDeployment
    target: Target
    wanted: tuple[Wanted, ...]
    troubles: tuple[Step, ...]


def kind_of(deployment: DesiredDeployment) -> str:
    """`docker`, `kubernetes` or `gitops`."""
    if isinstance(deployment.place, DockerHosts):
        return DOCKER
    return KUBERNETES if isinstance(deployment.place, KubernetesNamespace) else GITOPS


def target_of(
    deployment: DesiredDeployment, desired: Desired, registry: RegistryReader, image: BuildOptions
) -> Target:
    """The target of a deployment's kind.

    Args:
        deployment: the one that it is of.
        desired: models.yaml, whose owner is known.
        registry: the registry of models.
        image: how images are built.
    """
    module, name = _TARGETS[kind_of(deployment)]
    made: Target = getattr(import_module(module), name)(deployment, desired, registry, image)
    return made


def named(desired: Desired, names: Collection[str] = ()) -> tuple[DesiredDeployment, ...]:
    """Declared deployments by their names; all of them if none is named.

    Raises:
        UsageError: models.yaml declares none of that name.
    """
    for name in names:
        if name not in desired.deployments:
            said = suggestion(name, desired.deployments)
            raise UsageError(f"{desired.file} declares no deployment {name!r}; {said}")
    return tuple(one for one in desired.deployments.values() if not names or one.name in names)


def read(
    desired: Desired,
    registry: RegistryReader,
    image: BuildOptions,
    names: Collection[str] = (),
    *,
    target: Callable[..., Target] = target_of,
) -> tuple[Deployment, ...]:
    """Declared deployments with what the registry's stages hold.

    Raises:
        UsageError: models.yaml declares none of that name.
        RegistryError: the registry cannot be read.
    """
    chosen = named(desired, names)
    if not chosen:
        return ()
    image = replace(image, repository=desired.images or None)
    held = registry.held([model for one in chosen for model, _ in one.pairs(desired)])
    found = []
    for one in chosen:
        wanted, troubles = _wanted(one, desired, held)
        made = target(one, desired, registry, image)
        found.append(Deployment(declared=one, target=made, wanted=wanted, troubles=troubles))
    return tuple(found)


def plan(deployments: Iterable[Deployment]) -> Iterator[Step]:
    """What `make` would do, deployment by deployment; whatever cannot be told is a trouble."""
    for one in deployments:
        yield from one.troubles
        try:
            yield from one.target.plan(one.wanted)
        except MlgitopsError as error:
            yield from _all(one, str(error))


def make(deployments: Iterable[Deployment], say: Callable[[str], None]) -> Iterator[Outcome]:
    """Make all deployments so; one that fails does not stop the others."""
    for one in deployments:
        for step in one.troubles:
            yield failures.untold(step)
        try:
            yield from one.target.make(one.wanted, say)
        except MlgitopsError as error:
            code = failures.exit_code(error)
            for step in _all(one, str(error)):
                yield Outcome(step=step, error=f"{step}: {error}", exit_code=code)


def served(deployments: Iterable[Deployment]) -> Iterator[Served]:
    """What really serves, beside what the stages hold: a place that does not answer is unknown."""
    for one in deployments:
        try:
            found = one.target.served()
        except MlgitopsError as error:
            for step in _all(one, str(error)):
                yield Served(
                    deployment=one.declared.name,
                    place=step.place,
                    model=step.model,
                    stage=step.stage,
                    state=State.UNKNOWN,
                    note=step.trouble,
                )
            continue
        yield from (_beside(each, one) for each in found)


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """Of a run: 0, 6 if versions did not prove themselves, 4 if anything else failed as well."""
    return failures.exit_code_of_all(one.exit_code for one in outcomes if one.error)


def _wanted(
    one: DesiredDeployment, desired: Desired, held: Held
) -> tuple[tuple[Wanted, ...], tuple[Step, ...]]:
    wanted, troubles = [], []
    for model, stage in one.pairs(desired):
        there = held.models.get(model)
        listed = desired.models[model].listed(alias_of(stage))
        to_be_empty = listed is not None and listed.version is None
        if trouble := _trouble(there, model, stage, to_be_empty=to_be_empty):
            nothing = Wanted(model=model, stage=stage, version=None)
            troubles.append(nothing.step(Action.NOTHING, one.name, one.name, trouble=trouble))
            continue
        alias = alias_of(stage)
        stamp = there.stamp_in_force(alias) if there else None
        wanted.append(
            Wanted(
                model=model,
                stage=stage,
                version=there.stages.get(alias) if there else None,
                commit=stamp.commit if stamp else "",
                pull_request=(stamp.pull_request or "") if stamp else "",
                actor=stamp.actor if stamp else "",
            )
        )
    return tuple(wanted), tuple(troubles)


def _trouble(there: HeldModel | None, model: str, stage: str, *, to_be_empty: bool) -> str:
    """Why nobody can say what a stage is to serve.

    Empty if it holds a version, or is empty as it is to be, or as mlgitops has left it.
    """
    if there is None:
        missing = f"the registry has no model {model!r}; run `mlgitops apply` first"
        return "" if to_be_empty else missing
    alias = alias_of(stage)
    for pair in there.clashes:
        if alias_of(pair[0]) == alias:
            return f"the aliases {' and '.join(pair)} differ in case only; delete one"
    if alias in there.stages or to_be_empty:
        return ""
    newest = there.newest_stamp(alias)
    if newest and newest[1].version is None:
        return ""
    return f"{stage} is empty, and mlgitops did not empty it; run `mlgitops apply` first"


def _all(one: Deployment, trouble: str) -> Sequence[Step]:
    """A step for each stage of a deployment that cannot be told of."""
    return [
        wanted.step(Action.NOTHING, one.declared.name, one.declared.name, trouble=trouble)
        for wanted in one.wanted
    ]


def _beside(found: Served, one: Deployment) -> Served:
    """What serves, with what the stage holds."""
    if found.state not in (State.SERVING, State.EMPTY):
        return found
    pair = (found.model, alias_of(found.stage))
    for wanted in one.wanted:
        if (wanted.model, alias_of(wanted.stage)) == pair:
            holds = str(wanted.version or "")
            if holds == found.version:
                return found
            held = f"version {holds}" if holds else "nothing"
            return replace(found, state=State.BEHIND, note=f"the stage holds {held}")
    for step in one.troubles:
        if (step.model, alias_of(step.stage)) == pair:
            return replace(found, note=step.trouble)
    return replace(found, state=State.BEHIND, note="models.yaml does not list it any more")
