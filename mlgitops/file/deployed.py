"""What well-formed deployments must mean; checks as those of `mlgitops.file.checks`."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from mlgitops.core.deployments import MOST_REPLICAS, DockerHosts, GitopsRepository
from mlgitops.core.stage import alias_of
from mlgitops.file.deployments import DEPLOYMENTS
from mlgitops.words import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.core.deployments import DesiredDeployment
    from mlgitops.core.desired import Desired
    from mlgitops.file.checks import Flaw


def findings(desired: Desired) -> Iterator[Flaw]:
    """All findings."""
    for one in desired.deployments.values():
        yield from _models_are_there(desired, one)
        yield from _ports_are_of_what_it_serves(desired, one)
        yield from _its_kind_can_do_it(desired, one)
    yield from _no_two_serve_the_same_in_one_place(desired)
    yield from _no_two_listen_at_one_port(desired)


def _models_are_there(desired: Desired, one: DesiredDeployment) -> Iterator[Flaw]:
    serves = {model for model, _ in one.pairs(desired)}
    names = [model.name for model in desired.models.values() if not model.prompt]
    for index, model in enumerate(one.models or ()):
        path = (DEPLOYMENTS, one.name, "models", index)
        if model not in names:
            yield path, f"model {model!r} is not in this file; {suggestion(model, names)}"
        elif one.stages and model not in serves:
            yield (
                path,
                f"{model} has none of the stages {', '.join(one.stages)}; add one, or remove it",
            )


def _ports_are_of_what_it_serves(desired: Desired, one: DesiredDeployment) -> Iterator[Flaw]:
    pairs = list(one.pairs(desired))
    serves = {(model, alias_of(stage)) for model, stage in pairs}
    path = (DEPLOYMENTS, one.name, "ports")
    for model in dict.fromkeys(model for model, _ in one.ports):
        mine = [alias for name, alias in one.ports if name == model]
        if not any((model, alias) in serves for alias in mine):
            yield (*path, model), f"{model} is not served here; remove its port"
    if isinstance(one.place, DockerHosts):
        for model, stage in pairs:
            if one.port(model, stage) is None:
                said = f"{model} {stage} has no port; add `ports: {{{model}: 5001}}`"
                yield (DEPLOYMENTS, one.name), said


def _its_kind_can_do_it(desired: Desired, one: DesiredDeployment) -> Iterator[Flaw]:
    path, place = (DEPLOYMENTS, one.name), one.place
    if one.replicas.least > one.replicas.most:
        yield (*path, "replicas"), "min is larger than max; swap them"
    if isinstance(place, DockerHosts):
        if not one.replicas.fixed or one.replicas.most > MOST_REPLICAS:
            said = f"a Docker host runs a fixed number of replicas, at most {MOST_REPLICAS}"
            yield (*path, "replicas"), said
        return
    if one.rollout.canary:
        said = "only kind docker has a canary; in a cluster, a candidate is tested beside"
        yield (*path, "rollout", "canary"), said
    if not desired.images:
        said = "a cluster pulls images; add `images: REGISTRY/PATH` at the top of the file"
        yield path, said
    if isinstance(place, GitopsRepository) and place.field and len(list(one.pairs(desired))) > 1:
        said = "it holds one image; let `stages` and `models` choose one stage of one model"
        yield (*path, "set"), said


def _no_two_serve_the_same_in_one_place(desired: Desired) -> Iterator[Flaw]:
    first: dict[object, str] = {}
    for one in desired.deployments.values():
        for place, (model, stage) in product(_places(one), one.pairs(desired)):
            other = first.setdefault((place, model, stage), one.name)
            if other != one.name:
                said = f"{other} serves {model} {stage} in the same place; keep one"
                yield (DEPLOYMENTS, one.name), said
                break


def _no_two_listen_at_one_port(desired: Desired) -> Iterator[Flaw]:
    first: dict[object, str] = {}
    for one in desired.deployments.values():
        shared = [_cluster(one)] if not isinstance(one.place, DockerHosts) else _places(one)
        for place, (model, stage) in product(shared, one.pairs(desired)):
            port = one.port(model, stage)
            if port is None:
                continue
            me = f"{model} {stage} of {one.name}"
            other = first.setdefault((place, port), me)
            if other != me:
                yield (
                    (DEPLOYMENTS, one.name, "ports"),
                    f"{me} has port {port}, as {other}; choose another",
                )


def _places(one: DesiredDeployment) -> list[object]:
    """Where it is; equal for those that are in one place."""
    if isinstance(one.place, DockerHosts):
        return [("host", host) for host in one.place.hosts or ("",)]
    if isinstance(one.place, GitopsRepository):
        return [(one.place.repository, one.place.branch, one.place.path, one.place.field)]
    return [(one.place.context, one.place.namespace)]


def _cluster(one: DesiredDeployment) -> object:
    """The ports of nodes are the cluster's, whichever the namespace."""
    if isinstance(one.place, GitopsRepository):
        return (one.place.repository, one.place.branch)
    assert not isinstance(one.place, DockerHosts), "asked before"
    return ("context", one.place.context)
