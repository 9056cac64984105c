"""What is to be done for a stage on a host, by what is declared and what runs there. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlgitops.deploy.values import Action, Served, State, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgitops.deploy.docker.values import Deployment, DeployOptions, Occupant
    from mlgitops.deploy.values import Wanted


def step(
    wanted: Wanted,
    found: Deployment | None,
    options: DeployOptions,
    *,
    place: str,
    address: str,
    image: str | None,
) -> Step:
    """What a deploy does for a stage.

    Args:
        wanted: what it is to serve.
        found: what is there; None if nothing is.
        options: how it is to be served.
        place: the host.
        address: where it is to be reached, as `front.shown` writes it.
        image: what is to be said of the image, if what serves has another one; None if it has it.
    """
    serving = found.serving if found else None
    old = serving.version if serving else ""

    def made(action: Action, *details: str, trouble: str = "") -> Step:
        return wanted.step(
            action, options.declared, place, old=old, details=details, trouble=trouble
        )

    if found and (said := objection(found, options, address)):
        return made(Action.NOTHING, trouble=said)
    if wanted.version is None:
        return made(Action.WITHDRAW if found and found.slots else Action.NOTHING)
    if found is None or serving is None:
        return made(Action.CREATE)
    details = [*_details(found, serving, options, address)]
    if old != str(wanted.version):
        return made(Action.REPLACE, *details)
    if image is not None:
        return made(Action.REPLACE, image, *details)
    return made(Action.CHANGE if details else Action.NOTHING, *details)


def pruned(found: Deployment, place: str) -> Step:
    """What a deploy does with what no deployment lists any more."""
    return Step(
        action=Action.PRUNE,
        deployment=found.declared,
        place=place,
        model=found.model,
        stage=found.stage,
        old=found.serving.version if found.serving else "",
    )


def objection(found: Deployment, options: DeployOptions, address: str) -> str:
    """Why what is there may not be touched; empty if it may."""
    if found.owner and found.owner != options.owner:
        return f"it is managed by {found.owner}; let one of the two give it up"
    asks = [key for word, key in _KEYS if word in found.address and word not in address]
    if asks and not found.owner:
        return (
            f"it is at {found.address}, and nobody declared that it is to be less; add "
            f"{' and '.join(asks)} to the deployment, or run `docker rm` on it first"
        )
    return ""


_KEYS = (("TLS", "tls_cert"), ("a token", "token_file"))


def served(found: Deployment, deployment: str, place: str) -> Served:
    """What serves a stage on a host."""
    one = found.serving
    if one is None:
        return nothing(found.model, found.stage, deployment, place)
    state, note = _state(found, one)
    return Served(
        deployment=deployment,
        place=place,
        model=found.model,
        stage=found.stage,
        state=state,
        version=one.version,
        digest=one.digest,
        image=one.image,
        commit=one.commit,
        ready=one.ready,
        replicas=one.settings.replicas,
        url=found.url,
        since=f"{one.started[:19]}Z",
        note=note,
    )


def nothing(model: str, stage: str, deployment: str, place: str) -> Served:
    """That nothing serves a stage on a host."""
    return Served(deployment=deployment, place=place, model=model, stage=stage, state=State.EMPTY)


def unknown(model: str, stage: str, deployment: str, place: str, why: str) -> Served:
    """That a host does not say what serves a stage."""
    return Served(
        deployment=deployment, place=place, model=model, stage=stage, state=State.UNKNOWN, note=why
    )


def _details(
    found: Deployment, serving: Occupant, options: DeployOptions, address: str
) -> Iterator[str]:
    yield from serving.differing(options)
    if found.address != address:
        yield f"address: {found.address or 'none'} → {address}"
    state, note = _state(found, serving)
    if state is not State.SERVING:
        yield note


def _state(found: Deployment, one: Occupant) -> tuple[State, str]:
    if not (one.ready and one.up):
        return State.DOWN, "no replica answers"
    if len(found.slots) > 1:
        versions = " and ".join(slot.version for slot in found.slots)
        return State.REPLACING, f"versions {versions} are there: a deploy is under way, or ended"
    if not one.healthy:
        return State.DEGRADED, f"{one.ready} of {one.settings.replicas} replicas are ready"
    return State.SERVING, ""
